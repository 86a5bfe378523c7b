# What must hold with envs/platform.tfvars.
mock_provider "azurerm" {
  mock_resource "azurerm_resource_group" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001"
    }
  }
  mock_resource "azurerm_log_analytics_workspace" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.OperationalInsights/workspaces/log-lav-mgmt-plt-frc-001"
      workspace_id = "22222222-2222-2222-2222-222222222222"
    }
  }
  mock_resource "azurerm_monitor_action_group" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.Insights/actionGroups/ag-lav-mgmt-plt-frc-001"
    }
  }
}

run "logs_and_alerts_have_a_place" {
  command = apply

  assert {
    condition     = length(azurerm_monitor_action_group.this) == 3 && alltrue([for one in azurerm_monitor_action_group.this : length(one.email_receiver) > 0])
    error_message = "Three groups, and somebody in each."
  }
  assert {
    condition     = alltrue(flatten([for one in azurerm_monitor_action_group.this : [for who in one.email_receiver : who.use_common_alert_schema]]))
    error_message = "Alerts come in the common schema."
  }
  assert {
    condition     = azurerm_monitor_action_group.this["operations"].name == "ag-lav-mgmt-plt-frc-001-operations"
    error_message = "Names follow the scheme."
  }
  assert {
    condition     = toset(keys(output.action_group_resource_ids)) == toset(["operations", "platform", "cost"]) && output.workspace_resource_id != ""
    error_message = "What other stacks need is given out."
  }
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    subscription_id = "management"
    owner           = "the platform team"
    action_groups   = { operations = { short_name = "ops", emails = { a = "a@b.example" } } }
  }
  expect_failures = [var.subscription_id, var.owner, var.action_groups]
}

run "long_short_names_are_refused" {
  command = plan
  variables {
    action_groups = {
      operations = { short_name = "telemetry-operations", emails = { a = "a@b.example" } }
      platform   = { short_name = "platform", emails = { a = "a@b.example" } }
      cost       = { short_name = "cost", emails = { a = "a@b.example" } }
    }
  }
  expect_failures = [var.action_groups]
}

run "a_group_of_nobody_is_refused" {
  command = plan
  variables {
    action_groups = {
      operations = { short_name = "ops" }
      platform   = { short_name = "platform", emails = { a = "a@b.example" } }
      cost       = { short_name = "cost", emails = { a = "a@b.example" } }
    }
  }
  expect_failures = [var.action_groups]
}
