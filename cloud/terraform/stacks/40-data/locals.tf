locals {
  production = var.environment == "prod"

  tags = {
    environment = var.environment
    owner       = var.owner
    zone        = "data"
    managed-by  = "terraform stacks/40-data"
  }

  # in production nothing that holds data, or that devices know by name, is deleted by a slip
  lock = local.production ? { kind = "CanNotDelete" } : null

  diagnostics = { workspace = { workspace_resource_id = var.workspace_resource_id } }

  zone = { for name in [
    "privatelink.azure-devices.net",
    "privatelink.azure-devices-provisioning.net",
    "privatelink.servicebus.windows.net",
    "privatelink.blob.core.windows.net",
    "privatelink.dfs.core.windows.net",
    "privatelink.queue.core.windows.net",
    "privatelink.table.core.windows.net",
    "privatelink.vaultcore.azure.net",
    "privatelink.azurecr.io",
    "privatelink.${var.location}.kusto.windows.net",
  ] : name => "${var.private_dns_resource_group_resource_id}/providers/Microsoft.Network/privateDnsZones/${name}" }

  endpoint_subnet = module.network.subnets["snet-pep"].resource_id

  # messages of 4 kB a day and unit (IoT Hub quotas)
  daily_quota = { S1 = 400000, S2 = 6000000, S3 = 300000000 }[var.iot_hub.sku] * var.iot_hub.capacity

  # tables, mappings, functions, policies, in the order of their names
  kusto_script = join("\n\n", [for file in sort(fileset("${path.module}/kusto", "*.kql")) : file("${path.module}/kusto/${file}")])

  database = "telemetry"
}
