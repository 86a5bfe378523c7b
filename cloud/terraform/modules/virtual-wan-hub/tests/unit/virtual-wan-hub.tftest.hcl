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
  mock_resource "azurerm_express_route_gateway" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/expressRouteGateways/ergw-lav-conn-plt-frc-001"
    }
  }
  mock_resource "azurerm_vpn_site" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/vpnSites/vst-refinery"
    }
  }
  mock_resource "azurerm_vpn_gateway" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/vpnGateways/vpng-lav-conn-plt-frc-001"
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
  rule_collection_groups = {
    iot-edge = {
      priority = 1000
      application_rule_collections = {
        private = { priority = 1010, rules = {
          hub = { source_addresses = ["10.20.0.0/16"], destination_fqdns = ["iot-lav-data-prod-frc-001.azure-devices.net"] }
        } }
      }
      network_rule_collections = {
        mqtt = { priority = 1020, rules = {
          hub = { source_addresses = ["10.20.0.0/16"], destination_fqdns = ["iot-lav-data-prod-frc-001.azure-devices.net"], destination_ports = ["8883", "5671"] }
        } }
      }
    }
  }
  express_route = {
    gateway_name = "ergw-lav-conn-plt-frc-001"
    connections = {
      refinery = { name = "con-refinery", circuit_peering_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/expressRouteCircuits/erc-refinery/peerings/AzurePrivatePeering" }
    }
  }
  vpn = {
    gateway_name = "vpng-lav-conn-plt-frc-001"
    sites = {
      refinery = {
        name            = "vst-refinery"
        connection_name = "vcn-refinery"
        address_cidrs   = ["10.20.0.0/16"]
        links           = { fibre = { ip_address = "192.0.2.10" } }
      }
    }
  }
  vpn_shared_keys = { refinery = "only-for-this-example-0123456789" }
}

run "everything_goes_through_the_firewall" {
  command = apply

  assert {
    condition     = toset(flatten([for one in azurerm_virtual_hub_routing_intent.this.routing_policy : one.destinations])) == toset(["Internet", "PrivateTraffic"]) && alltrue([for one in azurerm_virtual_hub_routing_intent.this.routing_policy : one.next_hop == azurerm_firewall.this.id])
    error_message = "Both kinds of traffic have the firewall as their next hop."
  }
  assert {
    condition     = azurerm_firewall.this.sku_name == "AZFW_Hub" && azurerm_firewall.this.virtual_hub[0].virtual_hub_id == azurerm_virtual_hub.this.id
    error_message = "The firewall stands in the hub."
  }
  assert {
    condition     = azurerm_firewall_policy.this.private_ip_ranges == tolist(["255.255.255.255/32"]) && azurerm_firewall_policy.this.dns[0].proxy_enabled && azurerm_firewall_policy.this.dns[0].servers == tolist(["10.64.4.4"])
    error_message = "Private traffic is translated, and names are asked at the resolver."
  }
  assert {
    condition     = azurerm_firewall_policy.this.threat_intelligence_mode == "Deny" && azurerm_firewall_policy.this.intrusion_detection[0].mode == "Alert"
    error_message = "Known bad addresses are denied, intrusions are reported."
  }
}

run "the_site_is_reached_by_express_route_and_vpn" {
  command = apply

  assert {
    condition     = azurerm_virtual_hub.this.hub_routing_preference == "ExpressRoute" && azurerm_express_route_connection.this["refinery"].internet_security_enabled
    error_message = "ExpressRoute comes first, and the site's way to the internet is the firewall."
  }
  assert {
    condition     = one(azurerm_vpn_gateway_connection.this["refinery"].vpn_link).protocol == "IKEv2" && one(one(azurerm_vpn_gateway_connection.this["refinery"].vpn_link).ipsec_policy).encryption_algorithm == "GCMAES256"
    error_message = "IKEv2 with strong ciphers, chosen and not negotiated."
  }
  assert {
    condition     = endswith(one(azurerm_vpn_gateway_connection.this["refinery"].vpn_link).vpn_site_link_id, "/vpnSiteLinks/fibre")
    error_message = "The connection uses the site's link."
  }
}

run "rules_reach_the_policy" {
  command = apply

  assert {
    condition     = one(one(azurerm_firewall_policy_rule_collection_group.this["iot-edge"].application_rule_collection).rule).destination_fqdns == tolist(["iot-lav-data-prod-frc-001.azure-devices.net"])
    error_message = "The application rule names the hub."
  }
  assert {
    condition     = one(one(azurerm_firewall_policy_rule_collection_group.this["iot-edge"].network_rule_collection).rule).destination_ports == tolist(["8883", "5671"])
    error_message = "The network rule has the ports of MQTT and AMQP."
  }
}

run "a_hub_without_gateways" {
  command = plan
  variables {
    express_route   = null
    vpn             = null
    vpn_shared_keys = {}
    firewall        = { name = "afw-lav-conn-plt-frc-001", policy_name = "afwp-lav-conn-plt-frc-001", tier = "Standard", zones = [] }
  }
  assert {
    condition     = length(azurerm_vpn_gateway.this) == 0 && length(azurerm_express_route_gateway.this) == 0 && length(azurerm_firewall_policy.this.intrusion_detection) == 0
    error_message = "No gateways, and no intrusion detection without Premium."
  }
}

run "a_site_without_its_key_is_refused" {
  command = plan
  variables {
    vpn_shared_keys = {}
  }
  expect_failures = [azurerm_vpn_gateway_connection.this]
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    virtual_wan_name       = "wan"
    hub                    = { name = "hub", address_prefix = "10.64.0.0/23" }
    firewall               = { name = "afw-x", policy_name = "afwp-x", tier = "Basic" }
    rule_collection_groups = { edge = { priority = 1 } }
    express_route          = { gateway_name = "ergw-x", scale_units = 11 }
    vpn                    = { gateway_name = "vpng-x", scale_unit = 0 }
    vpn_shared_keys        = { refinery = "short" }
  }
  expect_failures = [var.virtual_wan_name, var.hub, var.firewall, var.rule_collection_groups, var.express_route, var.vpn, var.vpn_shared_keys]
}

run "small_hubs_and_rules_for_everybody_are_refused" {
  command = plan
  variables {
    hub      = { name = "vhub-x1", address_prefix = "10.64.0.0/25" }
    firewall = { name = "afw-x", policy_name = "afwp-x", intrusion_detection_mode = "On" }
    rule_collection_groups = { edge = { priority = 1000, application_rule_collections = { all = { priority = 1000, rules = {
      all = { source_addresses = ["*"], destination_fqdns = ["mcr.microsoft.com"] }
    } } } } }
    express_route = { gateway_name = "ergw-x", connections = { a = { name = "con-a", circuit_peering_resource_id = "/x/peerings/MicrosoftPeering" } } }
    vpn           = { gateway_name = "vpng-x", sites = { a = { name = "vst-a", connection_name = "vcn-a", links = { l = { ip_address = "192.0.2.1" } } } } }
  }
  expect_failures = [var.hub, var.firewall, var.rule_collection_groups, var.express_route, var.vpn]
}

run "wildcards_in_network_rules_are_refused" {
  command = plan
  variables {
    hub      = { name = "vhub-x1", address_prefix = "10.64.0.0/23", routing_preference = "Cheapest" }
    firewall = { name = "afw-x", policy_name = "afwp-x", public_ip_count = 0 }
    rule_collection_groups = { edge = { priority = 1000, network_rule_collections = { mqtt = { priority = 1000, rules = {
      hub = { source_addresses = ["10.20.0.0/16"], destination_fqdns = ["*.azure-devices.net"], destination_ports = ["8883"] }
    } } } } }
    vpn = { gateway_name = "vpng-x", sites = { a = { name = "vst-a", connection_name = "vcn-a", address_cidrs = ["10.20.0.0/16"], links = { l = { ip_address = "vpn.refinery.example" } } } } }
  }
  expect_failures = [var.hub, var.firewall, var.rule_collection_groups, var.vpn]
}

run "names_are_no_dns_servers" {
  command = plan
  variables {
    firewall = { name = "afw-x", policy_name = "afwp-x", dns_servers = ["dns.refinery.example"] }
  }
  expect_failures = [var.firewall]
}
