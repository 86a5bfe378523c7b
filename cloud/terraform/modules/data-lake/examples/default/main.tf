provider "azurerm" {
  storage_use_azuread = true
  features {}
}

module "data_lake" {
  source = "../.."

  name                = "dlslavdataprodfrc001"
  resource_group_name = "rg-lav-data-prod-frc-001"
  location            = "francecentral"
  tags                = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  containers = {
    raw     = { cool_after_days = 30, delete_after_days = 400 }
    curated = {}
  }
}
