mock_provider "azapi" {
  mock_resource "azapi_resource" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Devices/provisioningServices/provs-lav-data-prod-frc-001"
    }
  }
}

mock_provider "azurerm" {}

variables {
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

run "the_service_is_private_and_links_by_identity" {
  command = apply

  variables {
    certificates = { refinery-root = { content = "MIIBszCCAVmgAwIBAgIU" } }
  }

  assert {
    condition     = azapi_resource.this.body.properties.publicNetworkAccess == "Disabled" && azapi_resource.this.body.properties.disableLocalAuth
    error_message = "No public network, no keys."
  }
  assert {
    condition     = azapi_resource.this.body.properties.iotHubs[0].authenticationType == "UserAssigned" && azapi_resource.this.body.properties.iotHubs[0].hostName == "iot-lav-data-prod-frc-001.azure-devices.net"
    error_message = "The link names the hub and uses the identity."
  }
  assert {
    condition     = !can(azapi_resource.this.body.properties.iotHubs[0].connectionString)
    error_message = "There is no connection string in a link."
  }
  assert {
    condition     = azurerm_role_assignment.link["main"].role_definition_name == "IoT Hub Data Contributor" && azurerm_role_assignment.link["main"].scope == "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Devices/iotHubs/iot-lav-data-prod-frc-001"
    error_message = "The identity has its right on the hub."
  }
  assert {
    condition     = output.hostname == "provs-lav-data-prod-frc-001.azure-devices-provisioning.net"
    error_message = "Devices use the service's own name, not the global one."
  }
  assert {
    condition     = azurerm_iothub_dps_certificate.this["refinery-root"].is_verified
    error_message = "A root of our own needs no proof of possession."
  }
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    name                       = "dps-lav"
    resource_group_resource_id = "rg-lav-data-prod-frc-001"
    link_identity              = { resource_id = "id-lav", principal_id = "x" }
    linked_hubs                = {}
    allocation_policy          = "Custom"
    certificates               = { root = { content = "-----BEGIN PRIVATE KEY-----" } }
  }
  expect_failures = [var.name, var.resource_group_resource_id, var.link_identity, var.linked_hubs, var.allocation_policy, var.certificates]
}

run "a_connection_string_is_no_hostname" {
  command = plan
  variables {
    linked_hubs = { main = { resource_id = "x", hostname = "HostName=iot.azure-devices.net;SharedAccessKey=k", location = "francecentral" } }
  }
  expect_failures = [var.linked_hubs]
}
