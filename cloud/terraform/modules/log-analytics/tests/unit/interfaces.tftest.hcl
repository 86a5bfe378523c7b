# The interfaces that modules share: what they make, and what they refuse.

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

run "interfaces_reach_the_resource" {
  command = apply

  variables {
    lock = { kind = "CanNotDelete" }
    role_assignments = {
      readers = { role_definition_id_or_name = "Reader", principal_id = "22222222-2222-2222-2222-222222222222", principal_type = "Group" }
      custom  = { role_definition_id_or_name = "/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.Authorization/roleDefinitions/33333333-3333-3333-3333-333333333333", principal_id = "22222222-2222-2222-2222-222222222222" }
    }
    diagnostic_settings = {
      workspace = { workspace_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.OperationalInsights/workspaces/log-lav-mgmt-plt-frc-001" }
    }
  }

  assert {
    condition     = azurerm_management_lock.this[0].lock_level == "CanNotDelete" && azurerm_management_lock.this[0].scope == output.resource_id
    error_message = "The lock stands on the resource."
  }
  assert {
    condition     = azurerm_role_assignment.this["readers"].role_definition_name == "Reader" && endswith(azurerm_role_assignment.this["custom"].role_definition_id, "33333333-3333-3333-3333-333333333333")
    error_message = "A role is given by its name or by its id, as it was written."
  }
  assert {
    condition     = length(module.diagnostics.resource_ids) == 1
    error_message = "The diagnostic setting is made."
  }
}

run "bad_interfaces_are_refused" {
  command = plan

  variables {
    resource_group_name = "Data"
    location            = "France Central"
    tags                = { environment = "prod" }
    lock                = { kind = "Locked" }
    role_assignments    = { one = { role_definition_id_or_name = "Reader", principal_id = "x", principal_type = "group" } }
    diagnostic_settings = { nowhere = {} }
  }

  expect_failures = [
    var.resource_group_name, var.location, var.tags, var.lock, var.role_assignments, var.diagnostic_settings,
  ]
}

run "roles_that_are_too_wide_are_refused" {
  command = plan

  variables {
    role_assignments = { one = { role_definition_id_or_name = "Owner", principal_id = "22222222-2222-2222-2222-222222222222" } }
  }

  expect_failures = [var.role_assignments]
}
