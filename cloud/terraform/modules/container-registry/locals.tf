locals {
  resource_id      = azurerm_container_registry.this.id
  observed_id      = local.resource_id
  subresource_name = "registry"
}
