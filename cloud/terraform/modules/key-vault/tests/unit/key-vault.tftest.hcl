mock_provider "azurerm" {
  mock_resource "azurerm_key_vault" {
    defaults = {
      id        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.KeyVault/vaults/kv-lav-data-prod-frc-001"
      vault_uri = "https://kv-lav-data-prod-frc-001.vault.azure.net/"
    }
  }
}

variables {
  name                = "kv-lav-data-prod-frc-001"
  resource_group_name = "rg-lav-data-prod-frc-001"
  location            = "francecentral"
  tags                = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  tenant_id           = "44444444-4444-4444-4444-444444444444"
}

run "the_vault_is_private_and_keeps_what_is_deleted" {
  command = apply

  assert {
    condition     = azurerm_key_vault.this.public_network_access_enabled == false && azurerm_key_vault.this.network_acls[0].default_action == "Deny"
    error_message = "No public network."
  }
  assert {
    condition     = azurerm_key_vault.this.rbac_authorization_enabled && azurerm_key_vault.this.purge_protection_enabled && azurerm_key_vault.this.soft_delete_retention_days == 90
    error_message = "Roles decide, and what is deleted can be had back for 90 days."
  }
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    name             = "kv-lav-data-preprod-frc-001"
    tenant_id        = "refinery.example"
    sku              = "Premium"
    soft_delete_days = 120
  }
  expect_failures = [var.name, var.tenant_id, var.sku, var.soft_delete_days]
}
