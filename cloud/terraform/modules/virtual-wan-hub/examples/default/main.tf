provider "azurerm" {
  features {}
}

module "virtual_wan_hub" {
  source = "../.."

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
