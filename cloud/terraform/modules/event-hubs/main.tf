resource "azurerm_eventhub_namespace" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  sku                      = var.sku
  capacity                 = var.capacity
  auto_inflate_enabled     = var.maximum_capacity != null
  maximum_throughput_units = var.maximum_capacity

  local_authentication_enabled = false
  minimum_tls_version          = "1.2"

  # The public side denies everybody but trusted services with an identity. It is not switched off altogether: the
  # routes of an IoT hub come by it (a private endpoint is for clients, not for what Azure sends). A rule set without any
  # rule is open to all, whatever its default says: so there is always a rule, for a subnet of our own.
  public_network_access_enabled = true

  # an attribute, not a block: the provider has it that way, and a dynamic block inside would not be read
  network_rulesets = [{
    default_action                 = "Deny"
    trusted_service_access_enabled = true
    public_network_access_enabled  = true
    ip_rule                        = []
    virtual_network_rule = [
      for id in var.allowed_subnet_resource_ids : {
        subnet_id = id
        # the subnet's own traffic takes the private endpoint
        ignore_missing_virtual_network_service_endpoint = true
      }
    ]
  }]

  identity {
    type = "SystemAssigned"
  }

  lifecycle {
    precondition {
      condition     = var.maximum_capacity == null ? true : var.sku == "Standard" && var.maximum_capacity >= var.capacity
      error_message = "maximum_capacity is for Standard alone and must not be below capacity: raise it, or leave it out."
    }
    precondition {
      condition     = var.sku != "Premium" || contains([1, 2, 4, 8, 12, 16], var.capacity)
      error_message = "A Premium namespace takes 1, 2, 4, 8, 12 or 16 processing units."
    }
  }
}

resource "azurerm_eventhub" "this" {
  for_each = var.event_hubs

  name            = each.key
  namespace_id    = azurerm_eventhub_namespace.this.id
  partition_count = each.value.partition_count

  retention_description {
    cleanup_policy          = "Delete"
    retention_time_in_hours = each.value.retention_in_days * 24
  }
}

resource "azurerm_eventhub_consumer_group" "this" {
  for_each = local.consumer_groups

  name                = each.value.name
  resource_group_name = var.resource_group_name
  namespace_name      = azurerm_eventhub_namespace.this.name
  eventhub_name       = azurerm_eventhub.this[each.value.event_hub].name
}
