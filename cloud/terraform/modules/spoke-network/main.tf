resource "azurerm_network_security_group" "this" {
  for_each = var.subnets

  name                = "nsg-${trimprefix(var.name, "vnet-")}-${trimprefix(each.key, "snet-")}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  dynamic "security_rule" {
    for_each = each.value.security_rules
    content {
      name                         = security_rule.key
      description                  = security_rule.value.description
      priority                     = security_rule.value.priority
      direction                    = security_rule.value.direction
      access                       = security_rule.value.access
      protocol                     = security_rule.value.protocol
      source_port_range            = "*"
      source_address_prefix        = security_rule.value.source_address_prefixes == tolist(["*"]) ? "*" : null
      source_address_prefixes      = security_rule.value.source_address_prefixes == tolist(["*"]) ? null : security_rule.value.source_address_prefixes
      destination_address_prefix   = security_rule.value.destination_address_prefixes == tolist(["*"]) ? "*" : null
      destination_address_prefixes = security_rule.value.destination_address_prefixes == tolist(["*"]) ? null : security_rule.value.destination_address_prefixes
      destination_port_range       = security_rule.value.destination_port_ranges == tolist(["*"]) ? "*" : null
      destination_port_ranges      = security_rule.value.destination_port_ranges == tolist(["*"]) ? null : security_rule.value.destination_port_ranges
    }
  }
}

# Subnets stand inside the network, so that each is born with its security group: as resources of their own they would
# exist without one for a moment, and the landing zone's policy refuses that.
resource "azurerm_virtual_network" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
  address_space       = var.address_space
  dns_servers         = var.dns_servers

  dynamic "subnet" {
    for_each = var.subnets
    content {
      name                              = subnet.key
      address_prefixes                  = [subnet.value.address_prefix]
      security_group                    = azurerm_network_security_group.this[subnet.key].id
      private_endpoint_network_policies = subnet.value.endpoint_network_policies
      default_outbound_access_enabled   = false

      delegation = subnet.value.delegation == null ? [] : [{
        name               = "delegation"
        service_delegation = [{ name = subnet.value.delegation, actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"] }]
      }]
    }
  }

  lifecycle {
    precondition {
      condition = alltrue([for one in var.subnets : anytrue([for range in var.address_space :
        tonumber(split("/", one.address_prefix)[1]) >= tonumber(split("/", range)[1]) && cidrsubnet("${split("/", one.address_prefix)[0]}/${split("/", range)[1]}", 0, 0) == cidrsubnet(range, 0, 0)
      ])])
      error_message = "A subnet lies outside of address_space: move its address_prefix, or add the range."
    }
  }
}

resource "azurerm_virtual_hub_connection" "this" {
  count = var.virtual_hub_connection == null ? 0 : 1

  name                      = "con-${var.name}"
  virtual_hub_id            = var.virtual_hub_connection.virtual_hub_resource_id
  remote_virtual_network_id = azurerm_virtual_network.this.id
  internet_security_enabled = var.virtual_hub_connection.internet_security_enabled
}

module "security_group_diagnostics" {
  source   = "../diagnostics"
  for_each = var.subnets

  target_resource_id = azurerm_network_security_group.this[each.key].id
  # a security group has logs and no metrics
  diagnostic_settings = { for key, one in var.diagnostic_settings : key => merge(one, { metric_categories = [] }) }
}
