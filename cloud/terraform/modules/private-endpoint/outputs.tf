output "resource_id" {
  description = "Resource id of the endpoint."
  value       = azurerm_private_endpoint.this.id
}

output "private_ip_address" {
  description = "Its address in the subnet. For firewall rules and for looking at; devices use the name, never the address."
  value       = azurerm_private_endpoint.this.private_service_connection[0].private_ip_address
}

output "fqdns" {
  description = "Names that Azure keeps in the zones for this endpoint."
  value       = flatten([for config in azurerm_private_endpoint.this.custom_dns_configs : config.fqdn])
}
