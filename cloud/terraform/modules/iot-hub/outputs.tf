output "resource_id" {
  description = "Resource id of the hub."
  value       = azurerm_iothub.this.id
}

output "name" {
  description = "Name of the hub."
  value       = azurerm_iothub.this.name
}

output "hostname" {
  description = "Name that devices connect to. It resolves to the private endpoint inside the network."
  value       = azurerm_iothub.this.hostname
}

output "system_assigned_mi_principal_id" {
  description = "Object id of the hub's own identity, or null."
  value       = try(azurerm_iothub.this.identity[0].principal_id, null)
}

output "private_endpoints" {
  description = "Resource ids of the private endpoints by key."
  value       = { for key, one in module.private_endpoint : key => one.resource_id }
}
