locals {
  resource_id = azurerm_virtual_hub.this.id
  observed_id = azurerm_firewall.this.id

  express_route_connections = var.express_route == null ? {} : var.express_route.connections
  vpn_sites                 = var.vpn == null ? {} : var.vpn.sites
}
