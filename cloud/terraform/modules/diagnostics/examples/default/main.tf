provider "azurerm" {
  features {}
}

module "diagnostics" {
  source = "../.."

  target_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.KeyVault/vaults/kv-lav-data-prod-frc-001"
  diagnostic_settings = {
    workspace = {
      workspace_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.OperationalInsights/workspaces/log-lav-mgmt-plt-frc-001"
    }
  }
}
