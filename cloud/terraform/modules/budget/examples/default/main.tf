provider "azurerm" {
  features {}
}

module "budget" {
  source = "../.."

  name                       = "bdg-lav-data-prod-frc-001"
  resource_group_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001"
  amount                     = 1500
  start_date                 = "2026-12-01T00:00:00Z"
  action_group_resource_ids  = ["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.Insights/actionGroups/ag-lav-mgmt-plt-frc-001-cost"]
}
