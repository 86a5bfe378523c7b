output "resource_ids" {
  description = "Resource id of each diagnostic setting by its key."
  value       = { for key, one in azurerm_monitor_diagnostic_setting.this : key => one.id }
}
