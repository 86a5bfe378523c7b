provider "azurerm" {
  features {}
}

module "log_analytics" {
  source = "../.."

  name                = "log-lav-mgmt-plt-frc-001"
  resource_group_name = "rg-lav-mgmt-plt-frc-001"
  location            = "francecentral"
  tags                = { environment = "platform", owner = "data-platform@refinery.example", zone = "management" }
}
