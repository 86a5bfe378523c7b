resource "azurerm_iothub" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  event_hub_partition_count   = var.partition_count
  event_hub_retention_in_days = var.retention_in_days

  # No switches: this hub is private, and people and services come with an identity. Devices and modules keep their own
  # keys and certificates; IoT Edge signs with its modules' keys.
  public_network_access_enabled = false
  local_authentication_enabled  = false
  min_tls_version               = "1.2"

  sku {
    name     = var.sku.name
    capacity = var.sku.capacity
  }

  identity {
    type         = local.identity_type
    identity_ids = length(var.managed_identities.user_assigned_resource_ids) > 0 ? var.managed_identities.user_assigned_resource_ids : null
  }

  network_rule_set {
    default_action                     = "Deny"
    apply_to_builtin_eventhub_endpoint = true
  }

  lifecycle {
    precondition {
      condition     = var.managed_identities.system_assigned || length(local.endpoints) == 0
      error_message = "Endpoints are reached with the system-assigned identity: set managed_identities.system_assigned = true, or remove the endpoints."
    }
    precondition {
      condition     = length(local.endpoints) <= 10 && length(distinct(local.endpoints)) == length(local.endpoints)
      error_message = "An IoT hub takes at most 10 endpoints, each with a name of its own: event_hub_endpoints and storage_endpoints share them."
    }
  }
}

resource "azurerm_iothub_consumer_group" "this" {
  for_each = var.consumer_groups

  name                   = each.value
  resource_group_name    = var.resource_group_name
  iothub_name            = azurerm_iothub.this.name
  eventhub_endpoint_name = "events"
}
