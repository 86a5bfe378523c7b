output "resource_id" {
  description = "Resource id of the namespace."
  value       = azurerm_eventhub_namespace.this.id
}

output "name" {
  description = "Name of the namespace."
  value       = azurerm_eventhub_namespace.this.name
}

output "endpoint_uri" {
  description = "Where senders connect to: sb://<namespace>.servicebus.windows.net."
  value       = "sb://${azurerm_eventhub_namespace.this.name}.servicebus.windows.net"
}

output "event_hubs" {
  description = "Resource id and name of each event hub by its key."
  value       = { for key, one in azurerm_eventhub.this : key => { resource_id = one.id, name = one.name } }
}

output "consumer_groups" {
  description = "Name of each consumer group by <event hub>-<group>."
  value       = { for key, one in azurerm_eventhub_consumer_group.this : key => one.name }
}

output "private_endpoints" {
  description = "Resource ids of the private endpoints by key."
  value       = { for key, one in module.private_endpoint : key => one.resource_id }
}
