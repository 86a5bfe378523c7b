resource "azurerm_private_endpoint" "this" {
  name                          = var.name
  resource_group_name           = var.resource_group_name
  location                      = var.location
  subnet_id                     = var.subnet_resource_id
  custom_network_interface_name = coalesce(var.network_interface_name, "nic-${var.name}")
  tags                          = var.tags

  private_service_connection {
    name                           = "con-${var.name}"
    private_connection_resource_id = var.private_connection_resource_id
    subresource_names              = [var.subresource_name]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = var.private_dns_zone_group_name
    private_dns_zone_ids = var.private_dns_zone_resource_ids
  }

  lifecycle {
    precondition {
      condition     = length(local.missing_zones) == 0
      error_message = "An endpoint for ${var.subresource_name} also needs the zone ${join(" and ", local.missing_zones)}: add its resource id to private_dns_zone_resource_ids, or names of the service resolve to public addresses."
    }
  }
}
