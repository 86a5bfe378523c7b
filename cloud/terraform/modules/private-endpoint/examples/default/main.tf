provider "azurerm" {
  features {}
}

locals {
  connectivity = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network"
  data         = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-lav-data-prod-frc-001/providers"
}

module "private_endpoint" {
  source = "../.."

  name                           = "pep-kv-lav-data-prod-frc-001-vault"
  resource_group_name            = "rg-lav-data-prod-frc-001"
  location                       = "francecentral"
  subnet_resource_id             = "${local.data}/Microsoft.Network/virtualNetworks/vnet-lav-data-prod-frc-001/subnets/snet-pep"
  private_connection_resource_id = "${local.data}/Microsoft.KeyVault/vaults/kv-lav-data-prod-frc-001"
  subresource_name               = "vault"
  private_dns_zone_resource_ids  = ["${local.connectivity}/privateDnsZones/privatelink.vaultcore.azure.net"]
}
