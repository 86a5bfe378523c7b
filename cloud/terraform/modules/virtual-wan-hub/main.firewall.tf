resource "azurerm_firewall_policy" "this" {
  name                = var.firewall.policy_name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  sku                      = var.firewall.tier
  threat_intelligence_mode = "Deny"

  # The range of nobody: so what network rules let through is translated too, and answers of private endpoints come back
  # through the firewall. Without it they take the short way, and the connection dies half open.
  private_ip_ranges = ["255.255.255.255/32"]

  # The proxy lets network rules name hosts, and gives spokes one address to ask.
  dns {
    proxy_enabled = true
    servers       = var.firewall.dns_servers
  }

  dynamic "intrusion_detection" {
    for_each = var.firewall.tier == "Premium" ? [var.firewall.intrusion_detection_mode] : []
    content {
      mode = intrusion_detection.value
    }
  }
}

resource "azurerm_firewall_policy_rule_collection_group" "this" {
  for_each = var.rule_collection_groups

  name               = each.key
  firewall_policy_id = azurerm_firewall_policy.this.id
  priority           = each.value.priority

  dynamic "application_rule_collection" {
    for_each = each.value.application_rule_collections
    content {
      name     = application_rule_collection.key
      priority = application_rule_collection.value.priority
      action   = application_rule_collection.value.action

      dynamic "rule" {
        for_each = application_rule_collection.value.rules
        content {
          name              = rule.key
          description       = rule.value.description
          source_addresses  = rule.value.source_addresses
          destination_fqdns = rule.value.destination_fqdns

          dynamic "protocols" {
            for_each = rule.value.protocols
            content {
              type = protocols.key
              port = protocols.value
            }
          }
        }
      }
    }
  }

  dynamic "network_rule_collection" {
    for_each = each.value.network_rule_collections
    content {
      name     = network_rule_collection.key
      priority = network_rule_collection.value.priority
      action   = network_rule_collection.value.action

      dynamic "rule" {
        for_each = network_rule_collection.value.rules
        content {
          name                  = rule.key
          description           = rule.value.description
          source_addresses      = rule.value.source_addresses
          destination_addresses = length(rule.value.destination_addresses) > 0 ? rule.value.destination_addresses : null
          destination_fqdns     = length(rule.value.destination_fqdns) > 0 ? rule.value.destination_fqdns : null
          destination_ports     = rule.value.destination_ports
          protocols             = rule.value.protocols
        }
      }
    }
  }
}

resource "azurerm_firewall" "this" {
  name                = var.firewall.name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  sku_name           = "AZFW_Hub"
  sku_tier           = var.firewall.tier
  zones              = length(var.firewall.zones) > 0 ? var.firewall.zones : null
  firewall_policy_id = azurerm_firewall_policy.this.id

  virtual_hub {
    virtual_hub_id  = azurerm_virtual_hub.this.id
    public_ip_count = var.firewall.public_ip_count
  }

  # the rules first: a firewall without rules denies everything that was allowed a moment ago
  depends_on = [azurerm_firewall_policy_rule_collection_group.this]
}
