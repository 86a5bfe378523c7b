mock_provider "azurerm" {}

variables {
  name                       = "bdg-lav-data-prod-frc-001"
  resource_group_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001"
  amount                     = 1500
  start_date                 = "2026-12-01T00:00:00Z"
  action_group_resource_ids  = ["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.Insights/actionGroups/ag-lav-mgmt-plt-frc-001-cost"]
}

run "somebody_hears_before_the_money_is_gone" {
  command = apply

  assert {
    condition     = length(azurerm_consumption_budget_resource_group.this.notification) == 4 && azurerm_consumption_budget_resource_group.this.time_grain == "Monthly"
    error_message = "Half, most, all, and the forecast, each month."
  }
  assert {
    condition     = contains([for one in azurerm_consumption_budget_resource_group.this.notification : one.threshold_type], "Forecasted")
    error_message = "The forecast warns before the money is spent."
  }
  assert {
    condition     = alltrue([for one in azurerm_consumption_budget_resource_group.this.notification : length(one.contact_groups) == 1])
    error_message = "Every notification reaches the action group."
  }
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    name                       = "budget of data"
    resource_group_resource_id = "rg-lav-data-prod-frc-001"
    amount                     = 0
    start_date                 = "2026-12-02"
    notifications              = {}
    action_group_resource_ids  = []
  }
  expect_failures = [var.name, var.resource_group_resource_id, var.amount, var.start_date, var.notifications, var.action_group_resource_ids]
}

run "unknown_thresholds_are_refused" {
  command = plan
  variables {
    notifications = { some = { threshold = 50, threshold_type = "Guessed" } }
  }
  expect_failures = [var.notifications]
}
