provider "azurerm" {
  features {}
}

module "iot_dps" {
  source = "../.."

  name                       = "provs-lav-data-prod-frc-001"
  resource_group_name        = "rg-lav-data-prod-frc-001"
  location                   = "francecentral"
  tags                       = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  resource_group_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001"
  link_identity = {
    resource_id  = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-lav-data-prod-frc-001"
    principal_id = "22222222-2222-2222-2222-222222222222"
  }
  linked_hubs = {
    main = {
      resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Devices/iotHubs/iot-lav-data-prod-frc-001"
      hostname    = "iot-lav-data-prod-frc-001.azure-devices.net"
      location    = "francecentral"
    }
  }
}
