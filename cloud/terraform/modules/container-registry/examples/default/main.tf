provider "azurerm" {
  features {}
}

module "container_registry" {
  source = "../.."

  name                = "crlavdataprodfrc001"
  resource_group_name = "rg-lav-data-prod-frc-001"
  location            = "francecentral"
  tags                = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  edge_pull_tokens = {
    edge-pull = { repositories = ["fieldgate", "azureiotedge-agent", "azureiotedge-hub"] }
  }
}
