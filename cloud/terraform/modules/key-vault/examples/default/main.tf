provider "azurerm" {
  features {}
}

module "key_vault" {
  source = "../.."

  name                = "kv-lav-data-prod-frc-001"
  resource_group_name = "rg-lav-data-prod-frc-001"
  location            = "francecentral"
  tags                = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  tenant_id           = "44444444-4444-4444-4444-444444444444"
}
