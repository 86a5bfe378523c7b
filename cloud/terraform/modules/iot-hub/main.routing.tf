# Endpoints, routes and enrichments are resources of their own, never blocks of azurerm_iothub: the two forms undo each
# other at every plan. They lock the hub by its name, so they do not lose each other's changes. There is no
# azurerm_iothub_file_upload here: it locks by id, and needs a connection string even with an identity.

resource "azurerm_role_assignment" "event_hub_sender" {
  for_each = var.event_hub_endpoints

  scope                = each.value.event_hub_resource_id
  role_definition_name = "Azure Event Hubs Data Sender"
  principal_id         = azurerm_iothub.this.identity[0].principal_id
  principal_type       = "ServicePrincipal"
  description          = "Routes of ${var.name} to ${each.key}"
}

resource "azurerm_role_assignment" "container_writer" {
  for_each = var.storage_endpoints

  scope                = each.value.container_resource_id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_iothub.this.identity[0].principal_id
  principal_type       = "ServicePrincipal"
  description          = "Routes of ${var.name} to ${each.key}"
}

resource "azurerm_iothub_endpoint_eventhub" "this" {
  for_each = var.event_hub_endpoints

  name                = each.key
  resource_group_name = var.resource_group_name
  iothub_id           = azurerm_iothub.this.id
  authentication_type = "identityBased"
  endpoint_uri        = each.value.endpoint_uri
  entity_path         = each.value.event_hub_name

  depends_on = [azurerm_role_assignment.event_hub_sender]
}

resource "azurerm_iothub_endpoint_storage_container" "this" {
  for_each = var.storage_endpoints

  name                       = each.key
  resource_group_name        = var.resource_group_name
  iothub_id                  = azurerm_iothub.this.id
  authentication_type        = "identityBased"
  endpoint_uri               = each.value.endpoint_uri
  container_name             = each.value.container_name
  encoding                   = each.value.encoding
  file_name_format           = each.value.file_name_format
  batch_frequency_in_seconds = each.value.batch_frequency_in_seconds
  max_chunk_size_in_bytes    = each.value.max_chunk_size_in_megabytes * 1048576

  depends_on = [azurerm_role_assignment.container_writer]
}

resource "azurerm_iothub_route" "this" {
  for_each = var.routes

  name                = each.key
  resource_group_name = var.resource_group_name
  iothub_name         = azurerm_iothub.this.name
  source              = each.value.source
  condition           = each.value.condition
  endpoint_names      = [each.value.endpoint]
  enabled             = each.value.enabled

  depends_on = [azurerm_iothub_endpoint_eventhub.this, azurerm_iothub_endpoint_storage_container.this]

  lifecycle {
    precondition {
      condition     = contains(concat(local.endpoints, ["events"]), each.value.endpoint)
      error_message = "Route ${each.key} leads to ${each.value.endpoint}, which is no endpoint. There are: ${join(", ", concat(local.endpoints, ["events"]))}."
    }
  }
}

# Always on: a message that meets no route would be lost without it, and Azure creates it switched off.
resource "azurerm_iothub_fallback_route" "this" {
  resource_group_name = var.resource_group_name
  iothub_name         = azurerm_iothub.this.name
  source              = "DeviceMessages"
  condition           = "true"
  endpoint_names      = ["events"]
  enabled             = true
}

resource "azurerm_iothub_enrichment" "this" {
  for_each = var.enrichments

  resource_group_name = var.resource_group_name
  iothub_name         = azurerm_iothub.this.name
  key                 = each.key
  value               = each.value.value
  endpoint_names      = each.value.endpoints

  depends_on = [azurerm_iothub_endpoint_eventhub.this, azurerm_iothub_endpoint_storage_container.this]

  lifecycle {
    precondition {
      condition     = length(setsubtract(each.value.endpoints, concat(local.endpoints, ["events"]))) == 0
      error_message = "Enrichment ${each.key} names an endpoint that is none. There are: ${join(", ", concat(local.endpoints, ["events"]))}."
    }
  }
}
