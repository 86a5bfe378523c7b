output "virtual_hub_resource_id" {
  description = "network.virtual_hub_resource_id of the spokes' tfvars."
  value       = module.hub.resource_id
}

output "hub_address_prefix" {
  description = "network.hub_address_prefix of the spokes' tfvars: what the firewall lets through comes from here."
  value       = var.address_plan.hub
}

output "spoke_dns_servers" {
  description = "network.dns_servers of the spokes' tfvars: the firewall, whose proxy asks the resolver."
  value       = [module.hub.firewall_private_ip_address]
}

output "private_dns_resource_group_resource_id" {
  description = "private_dns_resource_group_resource_id of the spokes' tfvars."
  value       = azurerm_resource_group.this.id
}

output "resolver_address" {
  description = "What conditional forwarders on-premises ask for the zones below."
  value       = module.dns.resolver_address
}

output "private_dns_zones" {
  description = "Zones that need no forwarder by their private name: on-premises forwards the public suffixes (docs/cloud.md)."
  value       = sort(keys(module.dns.zone_resource_ids))
}

output "forwarded_domains" {
  description = "Domains that Azure asks on-premises."
  value       = module.dns.forwarded_domains
}
