provider "azurerm" {
  features {}
}

module "spoke_network" {
  source = "../.."

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
