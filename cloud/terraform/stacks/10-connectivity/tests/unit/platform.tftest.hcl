# What must hold with envs/platform.tfvars.
mock_provider "azurerm" {
  mock_resource "azurerm_resource_group" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001"
    }
  }
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
  mock_resource "azurerm_virtual_hub_connection" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/virtualHubs/vhub-lav-conn-plt-frc-001/hubVirtualNetworkConnections/con-data"
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
  mock_resource "azurerm_vpn_gateway" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/vpnGateways/vpng-lav-conn-plt-frc-001"
    }
  }
  mock_resource "azurerm_vpn_site" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/vpnSites/vst-refinery"
    }
  }
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
  # what the pipeline passes as a secret
  vpn_shared_keys = { refinery = "only-for-this-test-0123456789" }
}

run "edge_hosts_reach_what_they_need_and_nothing_else" {
  command = apply

  assert {
    condition     = toset(local.egress_names["hub-mqtt"]) == toset(["iot-lav-data-prod-frc-001.azure-devices.net", "iot-lav-data-pre-frc-001.azure-devices.net"])
    error_message = "The hubs of both environments, by name."
  }
  assert {
    condition     = contains(local.egress_names["registry"], "crlavdataprodfrc001.francecentral.data.azurecr.io")
    error_message = "Layers come from the registry's data endpoint in its region."
  }
  assert {
    condition     = !contains(flatten(values(local.egress_names)), "global.azure-devices-provisioning.net") && !anytrue([for name in flatten(values(local.egress_names)) : strcontains(name, "{")])
    error_message = "Not the global name of provisioning, and no name left unreplaced."
  }
  assert {
    condition     = !contains(keys(local.egress_rules), "microsoft-images") && contains(keys(local.egress_rules), "debian-packages")
    error_message = "Images come from our own registry; packages of the host are let through."
  }
  assert {
    condition     = toset(keys(local.by_port)) == toset(["hub-mqtt", "hub-amqp"])
    error_message = "MQTT and AMQP are network rules, the rest is checked by name."
  }
}

run "names_are_asked_at_the_firewall_and_answered_by_the_resolver" {
  command = apply

  assert {
    condition     = output.resolver_address == "10.64.4.4"
    error_message = "The address that forwarders on-premises have."
  }
  assert {
    condition     = output.forwarded_domains == ["refinery.example."]
    error_message = "Names of the refinery are asked there."
  }
  assert {
    condition     = alltrue([for zone in ["privatelink.azure-devices.net", "privatelink.servicebus.windows.net", "privatelink.azure-devices-provisioning.net", "privatelink.francecentral.kusto.windows.net", "privatelink.azurecr.io"] : contains(output.private_dns_zones, zone)])
    error_message = "Every zone that the data zone's endpoints use."
  }
}

run "the_hub_stands_without_vpn_and_express_route" {
  command = apply
  variables {
    vpn             = null
    express_route   = null
    vpn_shared_keys = {}
  }
  assert {
    condition     = length(azurerm_monitor_metric_alert.gateway) == 0 && length(azurerm_monitor_metric_alert.firewall) == 2
    error_message = "No alerts on what is not there."
  }
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    subscription_id                   = "connectivity"
    owner                             = "network"
    address_plan                      = { hub = "10.64.0.0/23", sidecar = "10.64.4.0/24", dns_inbound = "10.64.4.0/28", dns_outbound = "10.64.4.16/28", resolver_address = "10.64.4.3" }
    edge_source_ranges                = ["0.0.0.0/0"]
    edge_environments                 = { prod = { iot_hub = "iot-x.azure-devices.net", dps = "dps", registry = "cr-x" } }
    edge_profiles                     = ["packages"]
    workspace_resource_id             = "log-lav-mgmt-plt-frc-001"
    platform_action_group_resource_id = "platform"
  }
  expect_failures = [
    var.subscription_id, var.owner, var.address_plan, var.edge_source_ranges, var.edge_environments, var.edge_profiles, var.workspace_resource_id,
    var.platform_action_group_resource_id,
  ]
}

run "ranges_that_are_none_are_refused" {
  command = plan
  variables {
    address_plan = { hub = "10.64.0.0", sidecar = "10.64.4.0/24", dns_inbound = "10.64.4.0/28", dns_outbound = "10.64.4.16/28", resolver_address = "10.64.4.4" }
  }
  expect_failures = [var.address_plan]
}
