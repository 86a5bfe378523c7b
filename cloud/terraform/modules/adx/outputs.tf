output "resource_id" {
  description = "Resource id of the cluster."
  value       = azurerm_kusto_cluster.this.id
}

output "name" {
  description = "Name of the cluster."
  value       = azurerm_kusto_cluster.this.name
}

output "uri" {
  description = "Address that queries go to; it resolves to the private endpoint."
  value       = azurerm_kusto_cluster.this.uri
}

output "system_assigned_mi_principal_id" {
  description = "Object id of the cluster's identity."
  value       = azurerm_kusto_cluster.this.identity[0].principal_id
}

output "private_endpoints" {
  description = "Resource ids of the private endpoints by key."
  value       = { for key, one in module.private_endpoint : key => one.resource_id }
}
