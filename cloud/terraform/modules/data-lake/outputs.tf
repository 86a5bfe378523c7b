output "resource_id" {
  description = "Resource id of the storage account."
  value       = azurerm_storage_account.this.id
}

output "name" {
  description = "Name of the storage account."
  value       = azurerm_storage_account.this.name
}

output "blob_endpoint" {
  description = "https://<account>.blob.core.windows.net/, which an IoT hub's routes write to."
  value       = "https://${azurerm_storage_account.this.name}.blob.core.windows.net/"
}

output "containers" {
  description = "Resource id and name of each container by its key."
  value       = { for key, one in azurerm_storage_container.this : key => { resource_id = one.id, name = one.name } }
}

output "private_endpoints" {
  description = "Resource ids of the private endpoints by key."
  value       = { for key, one in module.private_endpoint : key => one.resource_id }
}
