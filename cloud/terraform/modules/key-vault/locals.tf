locals {
  resource_id      = azurerm_key_vault.this.id
  observed_id      = local.resource_id
  subresource_name = "vault"
}
