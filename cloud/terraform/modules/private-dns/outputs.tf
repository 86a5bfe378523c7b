output "zone_resource_ids" {
  description = "Resource id of each zone by its name."
  value       = { for name, one in azurerm_private_dns_zone.this : name => one.id }
}

output "resolver_address" {
  description = "Address that on-premises forwarders and the firewall ask, or null."
  value       = try(var.resolver.inbound_private_ip_address, null)
}

output "forwarded_domains" {
  description = "Domains that the resolver asks on-premises."
  value       = [for one in azurerm_private_dns_resolver_forwarding_rule.this : one.domain_name]
}
