resource "azurerm_key_vault" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  tenant_id                  = var.tenant_id
  sku_name                   = var.sku
  rbac_authorization_enabled = true

  # nobody, not even the owner, empties the vault before its time
  purge_protection_enabled   = true
  soft_delete_retention_days = var.soft_delete_days

  public_network_access_enabled = false

  network_acls {
    default_action = "Deny"
    bypass         = "AzureServices"
  }
}
