output "resource_id" {
  description = "Resource id of the virtual hub, which spokes connect to."
  value       = azurerm_virtual_hub.this.id
}

output "virtual_wan_resource_id" {
  description = "Resource id of the virtual WAN."
  value       = azurerm_virtual_wan.this.id
}

output "firewall_policy_resource_id" {
  description = "Resource id of the firewall policy."
  value       = azurerm_firewall_policy.this.id
}

output "firewall_private_ip_address" {
  description = "Address of the firewall in the hub: the DNS server of every spoke."
  value       = azurerm_firewall.this.virtual_hub[0].private_ip_address
}

output "express_route_gateway_resource_id" {
  description = "Resource id of the ExpressRoute gateway, or null."
  value       = try(azurerm_express_route_gateway.this[0].id, null)
}

output "vpn_gateway_resource_id" {
  description = "Resource id of the VPN gateway, or null."
  value       = try(azurerm_vpn_gateway.this[0].id, null)
}

output "firewall_resource_id" {
  description = "Resource id of the firewall."
  value       = azurerm_firewall.this.id
}
