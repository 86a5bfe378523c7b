# The interfaces that modules share: what they make, and what they refuse.

mock_provider "azurerm" {
  mock_resource "azurerm_virtual_wan" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/virtualWans/vwan-lav-conn-plt-frc-001"
    }
  }
  mock_resource "azurerm_virtual_hub" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/virtualHubs/vhub-lav-conn-plt-frc-001"
    }
  }
  mock_resource "azurerm_firewall" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/azureFirewalls/afw-lav-conn-plt-frc-001"
    }
  }
  mock_resource "azurerm_firewall_policy" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/firewallPolicies/afwp-lav-conn-plt-frc-001"
    }
  }
}

variables {
  virtual_wan_name    = "vwan-lav-conn-plt-frc-001"
  resource_group_name = "rg-lav-conn-plt-frc-001"
  location            = "francecentral"
  tags                = { environment = "platform", owner = "network@refinery.example", zone = "connectivity" }
  hub                 = { name = "vhub-lav-conn-plt-frc-001", address_prefix = "10.64.0.0/23" }
  firewall = {
    name        = "afw-lav-conn-plt-frc-001"
    policy_name = "afwp-lav-conn-plt-frc-001"
    dns_servers = ["10.64.4.4"]
  }
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
