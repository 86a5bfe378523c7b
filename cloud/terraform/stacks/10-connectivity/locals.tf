locals {
  tags = {
    environment = "platform"
    owner       = var.owner
    zone        = "connectivity"
    managed-by  = "terraform stacks/10-connectivity"
  }

  lock        = { kind = "CanNotDelete" }
  diagnostics = { workspace = { workspace_resource_id = var.workspace_resource_id } }

  # every zone that private endpoints of any landing zone use; {region} is the module's
  private_dns_zones = [
    "privatelink.azure-devices.net",
    "privatelink.azure-devices-provisioning.net",
    "privatelink.servicebus.windows.net",
    "privatelink.blob.core.windows.net",
    "privatelink.dfs.core.windows.net",
    "privatelink.file.core.windows.net",
    "privatelink.queue.core.windows.net",
    "privatelink.table.core.windows.net",
    "privatelink.vaultcore.azure.net",
    "privatelink.azurecr.io",
    "privatelink.{region}.kusto.windows.net",
    "privatelink.azurewebsites.net",
    "privatelink.monitor.azure.com",
    "privatelink.oms.opinsights.azure.com",
    "privatelink.ods.opinsights.azure.com",
    "privatelink.agentsvc.azure-automation.net",
  ]

  # What an IoT Edge host connects to: the same data that the deployment of the hosts uses. Names are put in for each
  # environment; a rule that has no name of an environment in it is made once.
  egress       = jsondecode(file("${path.module}/../../../../deploy/iot-edge/egress.json"))
  egress_rules = { for rule in local.egress.rules : rule.name => rule if contains(var.edge_profiles, rule.profile) }

  egress_names = { for name, rule in local.egress_rules : name => distinct(flatten([
    for fqdn in rule.fqdns : [
      for environment in var.edge_environments :
      replace(replace(replace(replace(fqdn, "{iotHub}", environment.iot_hub), "{dps}", environment.dps), "{registry}", environment.registry), "{region}", var.location)
    ]
  ])) }

  # with TLS or HTTP the name is in the request, so the firewall checks it; MQTT and AMQP are by address and port
  by_name = { for name, rule in local.egress_rules : name => rule if contains(["https", "http"], rule.protocol) }
  by_port = { for name, rule in local.egress_rules : name => rule if !contains(["https", "http"], rule.protocol) }
}
