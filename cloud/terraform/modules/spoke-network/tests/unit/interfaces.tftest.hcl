# The interfaces that modules share: what they make, and what they refuse.

mock_provider "azurerm" {
  mock_resource "azurerm_virtual_network" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Network/virtualNetworks/vnet-lav-data-prod-frc-001"
    }
  }
  mock_resource "azurerm_network_security_group" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Network/networkSecurityGroups/nsg-lav-data-prod-frc-001"
    }
  }
  mock_resource "azurerm_virtual_hub_connection" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/virtualHubs/vhub-lav-conn-plt-frc-001/hubVirtualNetworkConnections/con-data"
    }
  }
}

variables {
  name                   = "vnet-lav-data-prod-frc-001"
  resource_group_name    = "rg-lav-data-prod-frc-001"
  location               = "francecentral"
  tags                   = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  address_space          = ["10.64.16.0/22"]
  dns_servers            = ["10.64.0.68"]
  virtual_hub_connection = { virtual_hub_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/virtualHubs/vhub-lav-conn-plt-frc-001" }
  subnets = {
    snet-pep = {
      address_prefix = "10.64.16.0/26"
      security_rules = {
        edge-in = { priority = 100, direction = "Inbound", access = "Allow", protocol = "Tcp", source_address_prefixes = ["10.20.0.0/16"], destination_port_ranges = ["443", "5671", "8883"], description = "IoT Edge hosts" }
      }
    }
    snet-func = { address_prefix = "10.64.16.64/26", delegation = "Microsoft.App/environments" }
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
