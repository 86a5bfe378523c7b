# The interfaces that modules share: what they make, and what they refuse.

mock_provider "azurerm" {
  mock_resource "azurerm_kusto_cluster" {
    defaults = {
      id                 = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Kusto/clusters/declavdataprodfrc001"
      uri                = "https://declavdataprodfrc001.francecentral.kusto.windows.net"
      data_ingestion_uri = "https://ingest-declavdataprodfrc001.francecentral.kusto.windows.net"
    }
  }
  mock_resource "azurerm_kusto_database" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Kusto/clusters/declavdataprodfrc001/databases/telemetry"
    }
  }
  mock_resource "azurerm_private_endpoint" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Network/privateEndpoints/pep-one"
    }
  }
}

variables {
  name                = "declavdataprodfrc001"
  resource_group_name = "rg-lav-data-prod-frc-001"
  location            = "francecentral"
  tags                = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  sku                 = { name = "Standard_E2ads_v5", capacity = 2 }
  databases = {
    telemetry = {
      script = <<-EOT
        .create-merge table Rows (gateway: string, seq: long)

        .create-or-alter table Rows ingestion json mapping "rows" '[{"column":"gateway","Properties":{"Path":"$.gateway"}},{"column":"seq","Properties":{"Path":"$.seq"}}]'
      EOT
    }
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

run "an_endpoint_is_made_for_the_subresource" {
  command = apply

  variables {
    private_endpoints = {
      spoke = {
        subnet_resource_id            = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Network/virtualNetworks/vnet-lav-data-prod-frc-001/subnets/snet-pep"
        private_dns_zone_resource_ids = ["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/privateDnsZones/privatelink.francecentral.kusto.windows.net", ]
      }
    }
  }

  assert {
    condition     = keys(output.private_endpoints) == ["spoke"]
    error_message = "The endpoint is made, and given out under its key."
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
    private_endpoints   = { one = { subnet_resource_id = "snet-pep", private_dns_zone_resource_ids = ["x"] } }
  }

  expect_failures = [
    var.resource_group_name, var.location, var.tags, var.lock, var.role_assignments, var.diagnostic_settings,
    var.private_endpoints,
  ]
}

run "roles_that_are_too_wide_and_endpoints_without_zones_are_refused" {
  command = plan

  variables {
    role_assignments  = { one = { role_definition_id_or_name = "Owner", principal_id = "22222222-2222-2222-2222-222222222222" } }
    private_endpoints = { one = { subnet_resource_id = "/virtualNetworks/v/subnets/s", private_dns_zone_resource_ids = [] } }
  }

  expect_failures = [var.role_assignments, var.private_endpoints]
}
