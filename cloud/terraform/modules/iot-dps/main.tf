# azapi, because azurerm_iothub_dps has no identity and wants the hub's connection string in linked_hub: there is none on
# a hub without local authentication. API 2026-08-31 is the first stable one with hostName, authenticationType and
# disableLocalAuth. azurerm_iothub_dps must not manage the same service: its update writes the links away.

resource "azurerm_role_assignment" "link" {
  for_each = var.linked_hubs

  scope                = each.value.resource_id
  role_definition_name = "IoT Hub Data Contributor"
  principal_id         = var.link_identity.principal_id
  principal_type       = "ServicePrincipal"
  description          = "${var.name} registers devices"
}

resource "azapi_resource" "this" {
  type      = "Microsoft.Devices/provisioningServices@2026-08-31"
  name      = var.name
  parent_id = var.resource_group_resource_id
  location  = var.location
  tags      = var.tags

  # the API is newer than the schema inside the azapi versions allowed here
  schema_validation_enabled = false

  identity {
    type         = "UserAssigned"
    identity_ids = [var.link_identity.resource_id]
  }

  body = {
    sku = {
      name     = "S1"
      capacity = 1
    }
    properties = {
      allocationPolicy    = var.allocation_policy
      disableLocalAuth    = true
      enableDataResidency = var.data_residency_enabled
      publicNetworkAccess = "Disabled"
      iotHubs = [
        for key, hub in var.linked_hubs : {
          hostName                               = hub.hostname
          location                               = hub.location
          allocationWeight                       = hub.allocation_weight
          applyAllocationPolicy                  = true
          authenticationType                     = "UserAssigned"
          selectedUserAssignedIdentityResourceId = var.link_identity.resource_id
        }
      ]
    }
  }

  response_export_values = ["properties.idScope"]

  depends_on = [azurerm_role_assignment.link]
}

resource "azurerm_iothub_dps_certificate" "this" {
  for_each = var.certificates

  name                = each.key
  resource_group_name = var.resource_group_name
  iot_dps_name        = azapi_resource.this.name
  certificate_content = each.value.content
  is_verified         = each.value.verified
}
