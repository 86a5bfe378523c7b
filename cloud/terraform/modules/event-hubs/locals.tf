locals {
  resource_id      = azurerm_eventhub_namespace.this.id
  observed_id      = local.resource_id
  subresource_name = "namespace"

  consumer_groups = merge([
    for name, hub in var.event_hubs : {
      for group in hub.consumer_groups : "${name}-${group}" => { event_hub = name, name = group }
    }
  ]...)
}
