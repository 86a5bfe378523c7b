mock_provider "azurerm" {}

variables {
  target_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Devices/iotHubs/iot-lav-data-prod-frc-001"
  diagnostic_settings = {
    workspace = {
      workspace_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.OperationalInsights/workspaces/log-lav-mgmt-plt-frc-001"
    }
    archive = {
      storage_account_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.Storage/storageAccounts/stlavmgmtpltfrc001"
      name                        = "diag-seven-years"
      log_categories              = ["Connections"]
      log_groups                  = []
      metric_categories           = []
    }
  }
}

run "everything_is_logged_by_default" {
  command = apply

  assert {
    condition     = one([for log in azurerm_monitor_diagnostic_setting.this["workspace"].enabled_log : log.category_group]) == "allLogs"
    error_message = "Without a choice all logs go to the workspace."
  }
  assert {
    condition     = one([for metric in azurerm_monitor_diagnostic_setting.this["workspace"].enabled_metric : metric.category]) == "AllMetrics"
    error_message = "Without a choice all metrics are exported."
  }
  assert {
    condition     = azurerm_monitor_diagnostic_setting.this["workspace"].name == "diag-workspace" && azurerm_monitor_diagnostic_setting.this["workspace"].log_analytics_destination_type == "Dedicated"
    error_message = "The name comes from the key, and tables are dedicated."
  }
}

run "single_categories_replace_the_group" {
  command = apply

  assert {
    condition = (
      one([for log in azurerm_monitor_diagnostic_setting.this["archive"].enabled_log : log.category]) == "Connections" &&
      length(azurerm_monitor_diagnostic_setting.this["archive"].enabled_metric) == 0 &&
      azurerm_monitor_diagnostic_setting.this["archive"].name == "diag-seven-years"
    )
    error_message = "Only what was asked for is archived, under the name that was asked for."
  }
}

run "somewhere_to_write_to_is_required" {
  command = plan
  variables {
    diagnostic_settings = { nowhere = {} }
  }
  expect_failures = [var.diagnostic_settings]
}

run "groups_beside_categories_are_refused" {
  command = plan
  variables {
    diagnostic_settings = { both = { workspace_resource_id = "w", log_categories = ["Connections"] } }
  }
  expect_failures = [var.diagnostic_settings]
}

run "a_setting_that_observes_nothing_is_refused" {
  command = plan
  variables {
    diagnostic_settings = { nothing = { workspace_resource_id = "w", log_groups = [], metric_categories = [] } }
  }
  expect_failures = [var.diagnostic_settings]
}

run "unknown_destination_types_are_refused" {
  command = plan
  variables {
    diagnostic_settings = { odd = { workspace_resource_id = "w", log_analytics_destination_type = "Shared" } }
  }
  expect_failures = [var.diagnostic_settings]
}

run "an_event_hub_without_its_rule_is_refused" {
  command = plan
  variables {
    diagnostic_settings = { hub = { workspace_resource_id = "w", event_hub_name = "audit" } }
  }
  expect_failures = [var.diagnostic_settings]
}
