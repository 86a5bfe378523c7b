mock_provider "azurerm" {}

variables {
  name                           = "pep-iot-lav-data-prod-frc-001-hub"
  resource_group_name            = "rg-lav-data-prod-frc-001"
  location                       = "francecentral"
  subnet_resource_id             = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Network/virtualNetworks/vnet-lav-data-prod-frc-001/subnets/snet-pep"
  private_connection_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Devices/iotHubs/iot-lav-data-prod-frc-001"
  subresource_name               = "iotHub"
  private_dns_zone_resource_ids = [
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/privateDnsZones/privatelink.azure-devices.net",
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/privateDnsZones/privatelink.servicebus.windows.net",
  ]
}

run "an_endpoint_with_both_zones_of_an_iot_hub" {
  command = apply

  assert {
    condition     = length(azurerm_private_endpoint.this.private_dns_zone_group[0].private_dns_zone_ids) == 2
    error_message = "Both zones are in the group."
  }
  assert {
    condition     = azurerm_private_endpoint.this.private_service_connection[0].subresource_names == tolist(["iotHub"]) && !azurerm_private_endpoint.this.private_service_connection[0].is_manual_connection
    error_message = "The endpoint leads to the hub and needs no approval by hand."
  }
  assert {
    condition     = azurerm_private_endpoint.this.custom_network_interface_name == "nic-pep-iot-lav-data-prod-frc-001-hub"
    error_message = "The interface has a name of the scheme, not one of Azure's."
  }
}

run "an_iot_hub_without_the_zone_of_its_built_in_endpoint_is_refused" {
  command = plan
  variables {
    private_dns_zone_resource_ids = ["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/privateDnsZones/privatelink.azure-devices.net"]
  }
  expect_failures = [azurerm_private_endpoint.this]
}

run "the_zone_of_another_service_is_refused" {
  command = plan
  variables {
    subresource_name              = "vault"
    private_dns_zone_resource_ids = ["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/privateDnsZones/privatelink.azurecr.io"]
  }
  expect_failures = [azurerm_private_endpoint.this]
}

run "no_zone_is_refused" {
  command = plan
  variables {
    private_dns_zone_resource_ids = []
  }
  expect_failures = [var.private_dns_zone_resource_ids]
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    name                          = "hub-endpoint"
    subnet_resource_id            = "snet-pep"
    subresource_name              = "IotHub"
    private_dns_zone_resource_ids = ["privatelink.azure-devices.net"]
  }
  expect_failures = [var.name, var.subnet_resource_id, var.subresource_name, var.private_dns_zone_resource_ids]
}
