locals {
  # Each subresource and the ends of the zones it needs. An IoT hub needs two: the second is that of its built-in
  # endpoint, which the built-in policy of Azure forgets. <region> stands before kusto.windows.net.
  zones_of = {
    iotHub       = ["privatelink.azure-devices.net", "privatelink.servicebus.windows.net"]
    iotDps       = ["privatelink.azure-devices-provisioning.net"]
    namespace    = ["privatelink.servicebus.windows.net"]
    blob         = ["privatelink.blob.core.windows.net"]
    dfs          = ["privatelink.dfs.core.windows.net"]
    file         = ["privatelink.file.core.windows.net"]
    queue        = ["privatelink.queue.core.windows.net"]
    table        = ["privatelink.table.core.windows.net"]
    vault        = ["privatelink.vaultcore.azure.net"]
    registry     = ["privatelink.azurecr.io"]
    cluster      = [".kusto.windows.net"]
    sites        = ["privatelink.azurewebsites.net"]
    azuremonitor = ["privatelink.monitor.azure.com"]
  }

  missing_zones = [
    for zone in local.zones_of[var.subresource_name] : zone
    if !anytrue([for id in var.private_dns_zone_resource_ids : endswith(id, zone)])
  ]
}
