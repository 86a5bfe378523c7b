provider "azurerm" {
  features {}
}

module "event_hubs" {
  source = "../.."

  name                = "evhns-lav-data-prod-frc-001"
  resource_group_name = "rg-lav-data-prod-frc-001"
  location            = "francecentral"
  tags                = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  event_hubs = {
    rows  = { consumer_groups = ["adx"] }
    audit = { partition_count = 1 }
  }
  allowed_subnet_resource_ids = ["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Network/virtualNetworks/vnet-lav-data-prod-frc-001/subnets/snet-pep"]
}
