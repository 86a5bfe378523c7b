locals {
  resource_id      = azurerm_iothub.this.id
  observed_id      = local.resource_id
  subresource_name = "iotHub"

  identity_type = join(", ", compact([
    var.managed_identities.system_assigned ? "SystemAssigned" : "",
    length(var.managed_identities.user_assigned_resource_ids) > 0 ? "UserAssigned" : "",
  ]))

  endpoints = concat(keys(var.event_hub_endpoints), keys(var.storage_endpoints))
}
