resource "azurerm_private_dns_resolver" "this" {
  count = var.resolver == null ? 0 : 1

  name                = var.resolver.name
  resource_group_name = var.resource_group_name
  location            = var.location
  virtual_network_id  = var.resolver.virtual_network_resource_id
  tags                = var.tags
}

resource "azurerm_private_dns_resolver_inbound_endpoint" "this" {
  count = var.resolver == null ? 0 : 1

  name                    = coalesce(var.resolver.inbound_endpoint_name, "in-${local.suffix}")
  private_dns_resolver_id = azurerm_private_dns_resolver.this[0].id
  location                = var.location
  tags                    = var.tags

  ip_configurations {
    subnet_id                    = var.resolver.inbound_subnet_resource_id
    private_ip_allocation_method = "Static"
    private_ip_address           = var.resolver.inbound_private_ip_address
  }
}

resource "azurerm_private_dns_resolver_outbound_endpoint" "this" {
  count = local.outbound == null ? 0 : 1

  name                    = coalesce(local.outbound.endpoint_name, "out-${local.suffix}")
  private_dns_resolver_id = azurerm_private_dns_resolver.this[0].id
  location                = var.location
  subnet_id               = local.outbound.subnet_resource_id
  tags                    = var.tags
}

resource "azurerm_private_dns_resolver_dns_forwarding_ruleset" "this" {
  count = local.outbound == null ? 0 : 1

  name                                       = coalesce(local.outbound.ruleset_name, "dnsfrs-${local.suffix}")
  resource_group_name                        = var.resource_group_name
  location                                   = var.location
  private_dns_resolver_outbound_endpoint_ids = [azurerm_private_dns_resolver_outbound_endpoint.this[0].id]
  tags                                       = var.tags
}

resource "azurerm_private_dns_resolver_forwarding_rule" "this" {
  for_each = local.forwards

  name                      = each.key
  dns_forwarding_ruleset_id = azurerm_private_dns_resolver_dns_forwarding_ruleset.this[0].id
  domain_name               = each.value.domain_name
  enabled                   = true

  dynamic "target_dns_servers" {
    for_each = each.value.servers
    content {
      ip_address = target_dns_servers.value
      port       = 53
    }
  }
}

resource "azurerm_private_dns_resolver_virtual_network_link" "this" {
  count = local.outbound == null ? 0 : 1

  name                      = "link-resolver"
  dns_forwarding_ruleset_id = azurerm_private_dns_resolver_dns_forwarding_ruleset.this[0].id
  virtual_network_id        = var.resolver.virtual_network_resource_id
}
