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

run "every_subnet_has_a_security_group_and_no_way_out_of_its_own" {
  command = apply

  assert {
    condition     = length(azurerm_virtual_network.this.subnet) == 2 && alltrue([for one in azurerm_virtual_network.this.subnet : one.security_group != "" && one.security_group != null])
    error_message = "A security group for each subnet, from its first moment."
  }
  assert {
    condition     = alltrue([for one in azurerm_virtual_network.this.subnet : one.default_outbound_access_enabled == false && one.private_endpoint_network_policies == "Enabled"])
    error_message = "No default way out, and routes see private endpoints."
  }
  assert {
    condition     = one([for one in azurerm_virtual_network.this.subnet : one.delegation[0].service_delegation[0].name if one.name == "snet-func"]) == "Microsoft.App/environments"
    error_message = "The subnet of functions is delegated."
  }
  assert {
    condition     = output.subnets["snet-pep"].resource_id == "${output.resource_id}/subnets/snet-pep"
    error_message = "The id of a subnet is that of the network and its name."
  }
}

run "everything_goes_through_the_hub" {
  command = apply

  assert {
    condition     = azurerm_virtual_hub_connection.this[0].internet_security_enabled
    error_message = "Traffic to the internet takes the hub's firewall."
  }
  assert {
    condition     = azurerm_virtual_network.this.dns_servers == tolist(["10.64.0.68"])
    error_message = "Names are asked at the firewall."
  }
  assert {
    condition     = one(azurerm_network_security_group.this["snet-pep"].security_rule).source_address_prefixes == toset(["10.20.0.0/16"])
    error_message = "The rule lets the edge hosts in."
  }
}

run "a_network_may_stand_alone" {
  command = plan
  variables {
    virtual_hub_connection = null
  }
  assert {
    condition     = length(azurerm_virtual_hub_connection.this) == 0
    error_message = "A sandbox has no connection to the hub."
  }
}

run "a_subnet_outside_of_the_network_is_refused" {
  command = plan
  variables {
    subnets = { snet-pep = { address_prefix = "10.65.0.0/26" } }
  }
  expect_failures = [azurerm_virtual_network.this]
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    name                   = "data"
    address_space          = ["8.8.8.0/24"]
    subnets                = { pep = { address_prefix = "10.64.16.0/26" } }
    dns_servers            = ["dns.refinery.example"]
    virtual_hub_connection = { virtual_hub_resource_id = "vhub-lav-conn-plt-frc-001" }
  }
  expect_failures = [var.name, var.address_space, var.subnets, var.dns_servers, var.virtual_hub_connection]
}

run "a_range_that_is_none_is_refused" {
  command = plan
  variables {
    subnets = { snet-pep = { address_prefix = "10.64.16.0" } }
  }
  expect_failures = [var.subnets]
}

run "an_unknown_policy_is_refused" {
  command = plan
  variables {
    subnets = { snet-pep = { address_prefix = "10.64.16.0/26", endpoint_network_policies = "On" } }
  }
  expect_failures = [var.subnets]
}

run "a_rule_that_is_none_is_refused" {
  command = plan
  variables {
    subnets = { snet-pep = { address_prefix = "10.64.16.0/26", security_rules = { in = { priority = 10, direction = "In", access = "Allow", protocol = "TCP" } } } }
  }
  expect_failures = [var.subnets]
}

run "two_rules_of_one_priority_are_refused" {
  command = plan
  variables {
    subnets = { snet-pep = { address_prefix = "10.64.16.0/26", security_rules = {
      a = { priority = 100, direction = "Inbound", access = "Allow", protocol = "Tcp" }
      b = { priority = 100, direction = "Inbound", access = "Deny", protocol = "Tcp" }
    } } }
  }
  expect_failures = [var.subnets]
}
