mock_provider "azurerm" {
  mock_resource "azurerm_log_analytics_workspace" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.OperationalInsights/workspaces/log-lav-mgmt-plt-frc-001"
      workspace_id = "22222222-2222-2222-2222-222222222222"
    }
  }
}

variables {
  name                = "log-lav-mgmt-plt-frc-001"
  resource_group_name = "rg-lav-mgmt-plt-frc-001"
  location            = "francecentral"
  tags                = { environment = "platform", owner = "data-platform@refinery.example", zone = "management" }
}

run "a_workspace_without_keys" {
  command = apply

  assert {
    condition     = azurerm_log_analytics_workspace.this.local_authentication_enabled == false && azurerm_log_analytics_workspace.this.retention_in_days == 90
    error_message = "No shared keys, and logs of 90 days."
  }
  assert {
    condition     = azurerm_log_analytics_workspace.this.sku == "PerGB2018"
    error_message = "Paid by the gigabyte."
  }
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    name              = "logs"
    retention_in_days = 7
    daily_quota_gb    = 0.5
  }
  expect_failures = [var.name, var.retention_in_days, var.daily_quota_gb]
}
