output "resource_id" {
  description = "Resource id of the workspace, which diagnostic settings write to."
  value       = azurerm_log_analytics_workspace.this.id
}

output "name" {
  description = "Name of the workspace."
  value       = azurerm_log_analytics_workspace.this.name
}

output "workspace_id" {
  description = "The workspace's own id, which agents use."
  value       = azurerm_log_analytics_workspace.this.workspace_id
}
