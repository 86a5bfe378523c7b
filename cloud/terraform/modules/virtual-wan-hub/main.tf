resource "azurerm_virtual_wan" "this" {
  name                = var.virtual_wan_name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  type                           = "Standard"
  allow_branch_to_branch_traffic = true
  disable_vpn_encryption         = false
}

resource "azurerm_virtual_hub" "this" {
  name                = var.hub.name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  virtual_wan_id         = azurerm_virtual_wan.this.id
  address_prefix         = var.hub.address_prefix
  sku                    = "Standard"
  hub_routing_preference = var.hub.routing_preference
}

# Everything goes through the firewall, to the internet and among private networks. With routing intent there are no
# route tables and no static routes of our own.
resource "azurerm_virtual_hub_routing_intent" "this" {
  name           = "intent-${var.hub.name}"
  virtual_hub_id = azurerm_virtual_hub.this.id

  routing_policy {
    name         = "internet"
    destinations = ["Internet"]
    next_hop     = azurerm_firewall.this.id
  }

  routing_policy {
    name         = "private"
    destinations = ["PrivateTraffic"]
    next_hop     = azurerm_firewall.this.id
  }
}
