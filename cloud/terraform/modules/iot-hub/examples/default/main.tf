provider "azurerm" {
  features {}
}

module "iot_hub" {
  source = "../.."

  name                = "iot-lav-data-prod-frc-001"
  resource_group_name = "rg-lav-data-prod-frc-001"
  location            = "francecentral"
  tags                = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  sku                 = { name = "S1", capacity = 2 }
  event_hub_endpoints = {
    rows = {
      endpoint_uri          = "sb://evhns-lav-data-prod-frc-001.servicebus.windows.net"
      event_hub_name        = "rows"
      event_hub_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.EventHub/namespaces/evhns-lav-data-prod-frc-001/eventhubs/rows"
    }
  }
  storage_endpoints = {
    raw = {
      endpoint_uri          = "https://dlslavdataprodfrc001.blob.core.windows.net/"
      container_name        = "raw"
      container_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Storage/storageAccounts/dlslavdataprodfrc001/blobServices/default/containers/raw"
    }
  }
  routes = {
    telemetry-rows = { source = "DeviceMessages", condition = "format = 'rows'", endpoint = "rows" }
    raw            = { source = "DeviceMessages", endpoint = "raw" }
  }
  enrichments = {
    ring = { value = "$twin.tags.ring", endpoints = ["rows"] }
  }
  consumer_groups = ["commissioning"]
}
