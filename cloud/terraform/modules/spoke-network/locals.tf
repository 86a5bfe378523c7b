locals {
  resource_id = azurerm_virtual_network.this.id
  observed_id = local.resource_id
}
