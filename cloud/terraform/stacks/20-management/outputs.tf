output "workspace_resource_id" {
  description = "workspace_resource_id of the other stacks' tfvars."
  value       = module.log_analytics.resource_id
}

output "action_group_resource_ids" {
  description = "action_groups of the other stacks' tfvars: resource id by key."
  value       = { for key, one in azurerm_monitor_action_group.this : key => one.id }
}
