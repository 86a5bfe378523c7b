output "resource_id" {
  description = "Resource id of the vault."
  value       = azurerm_key_vault.this.id
}

output "name" {
  description = "Name of the vault."
  value       = azurerm_key_vault.this.name
}

output "uri" {
  description = "Address of the vault."
  value       = azurerm_key_vault.this.vault_uri
}

output "private_endpoints" {
  description = "Resource ids of the private endpoints by key."
  value       = { for key, one in module.private_endpoint : key => one.resource_id }
}
