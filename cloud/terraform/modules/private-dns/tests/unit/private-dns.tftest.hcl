mock_provider "azurerm" {
  mock_resource "azurerm_private_dns_zone" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/privateDnsZones/privatelink.azure-devices.net"
    }
  }
  mock_resource "azurerm_private_dns_resolver" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/dnsResolvers/dnspr-lav-conn-plt-frc-001"
    }
  }
  mock_resource "azurerm_private_dns_resolver_inbound_endpoint" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/dnsResolvers/dnspr-lav-conn-plt-frc-001/inboundEndpoints/in"
    }
  }
  mock_resource "azurerm_private_dns_resolver_outbound_endpoint" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/dnsResolvers/dnspr-lav-conn-plt-frc-001/outboundEndpoints/out"
    }
  }
  mock_resource "azurerm_private_dns_resolver_dns_forwarding_ruleset" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/dnsForwardingRulesets/dnsfrs-lav-conn-plt-frc-001"
    }
  }
}

variables {
  resource_group_name = "rg-lav-conn-plt-frc-001"
  location            = "francecentral"
  tags                = { environment = "platform", owner = "network@refinery.example", zone = "connectivity" }
  zones               = ["privatelink.azure-devices.net", "privatelink.servicebus.windows.net", "privatelink.{region}.kusto.windows.net"]
  links               = { sidecar = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/virtualNetworks/vnet-lav-conn-plt-frc-001" }
  resolver = {
    name                        = "dnspr-lav-conn-plt-frc-001"
    virtual_network_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/virtualNetworks/vnet-lav-conn-plt-frc-001"
    inbound_subnet_resource_id  = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/virtualNetworks/vnet-lav-conn-plt-frc-001/subnets/snet-dns-in"
    inbound_private_ip_address  = "10.64.4.4"
    outbound = {
      subnet_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/virtualNetworks/vnet-lav-conn-plt-frc-001/subnets/snet-dns-out"
      forwarding_rules = {
        refinery = { domain_name = "refinery.example.", servers = ["10.20.0.10", "10.20.0.11"] }
      }
    }
  }
}

run "zones_are_made_once_and_linked_to_the_resolvers_network" {
  command = apply

  assert {
    condition     = contains(keys(azurerm_private_dns_zone.this), "privatelink.francecentral.kusto.windows.net") && length(azurerm_private_dns_zone.this) == 3
    error_message = "The region stands in the zone of Azure Data Explorer."
  }
  assert {
    condition     = length(azurerm_private_dns_zone_virtual_network_link.this) == 3 && alltrue([for one in azurerm_private_dns_zone_virtual_network_link.this : one.registration_enabled == false])
    error_message = "Every zone is linked to the network, and nothing registers itself."
  }
  assert {
    condition     = azurerm_private_dns_resolver_inbound_endpoint.this[0].ip_configurations[0].private_ip_allocation_method == "Static" && output.resolver_address == "10.64.4.4"
    error_message = "The address that on-premises asks is fixed."
  }
  assert {
    condition     = length(azurerm_private_dns_resolver_forwarding_rule.this["refinery"].target_dns_servers) == 2
    error_message = "Names of the refinery are asked at both of its servers."
  }
}

run "zones_alone" {
  command = plan
  variables {
    resolver = null
  }
  assert {
    condition     = length(azurerm_private_dns_resolver.this) == 0 && output.resolver_address == null
    error_message = "No resolver was asked for."
  }
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    resource_group_name = "dns"
    location            = "France Central"
    tags                = {}
    zones               = ["privatelink.azure-devices.net."]
    links               = { sidecar = "vnet-lav-conn-plt-frc-001" }
    resolver            = { name = "dnspr-x", virtual_network_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-x/providers/Microsoft.Network/virtualNetworks/vnet-x", inbound_subnet_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-x/providers/Microsoft.Network/virtualNetworks/vnet-x/subnets/snet-in", inbound_private_ip_address = "dns" }
  }
  expect_failures = [var.resource_group_name, var.location, var.tags, var.zones, var.links, var.resolver]
}

run "a_domain_without_its_dot_is_refused" {
  command = plan
  variables {
    resolver = {
      name                        = "dnspr-x"
      virtual_network_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-x/providers/Microsoft.Network/virtualNetworks/vnet-x"
      inbound_subnet_resource_id  = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-x/providers/Microsoft.Network/virtualNetworks/vnet-x/subnets/snet-in"
      inbound_private_ip_address  = "10.64.4.4"
      outbound = {
        subnet_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-x/providers/Microsoft.Network/virtualNetworks/vnet-x/subnets/snet-out"
        forwarding_rules   = { a = { domain_name = "refinery.example", servers = ["10.20.0.10"] } }
      }
    }
  }
  expect_failures = [var.resolver]
}
