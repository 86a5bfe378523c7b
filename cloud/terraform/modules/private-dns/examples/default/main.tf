provider "azurerm" {
  features {}
}

module "private_dns" {
  source = "../.."

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
