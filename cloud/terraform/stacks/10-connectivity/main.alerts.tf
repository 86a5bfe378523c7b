# The way into Azure: when one leg of it fails, somebody mends it before the other does too.

locals {
  firewall_alerts = {
    firewall-unhealthy = {
      metric      = "FirewallHealth", operator = "LessThan", threshold = 90
      description = "The firewall is not wholly available. Everything goes through it: gateways buffer."
    }
    firewall-snat = {
      metric      = "SNATPortUtilization", operator = "GreaterThan", threshold = 80
      description = "Ports for translation run out: raise public_ip_count of the firewall."
    }
  }

  gateway_alerts = merge(
    var.vpn == null ? {} : {
      vpn-down = {
        scope       = module.hub.vpn_gateway_resource_id, namespace = "Microsoft.Network/vpnGateways"
        metric      = "TunnelAverageBandwidth", operator = "LessThan", threshold = 1
        description = "No traffic through the VPN tunnel: it is the way that is left when ExpressRoute fails."
      }
    },
    var.express_route == null ? {} : {
      express-route-silent = {
        scope       = module.hub.express_route_gateway_resource_id, namespace = "Microsoft.Network/expressRouteGateways"
        metric      = "ErGatewayConnectionBitsInPerSecond", operator = "LessThan", threshold = 1
        description = "Nothing comes in by ExpressRoute. Traffic takes the VPN now, if that is up."
      }
    },
  )
}

resource "azurerm_monitor_metric_alert" "firewall" {
  for_each = local.firewall_alerts

  name                = "alert-${each.key}"
  resource_group_name = azurerm_resource_group.this.name
  tags                = local.tags
  scopes              = [module.hub.firewall_resource_id]
  description         = each.value.description
  severity            = 1
  window_size         = "PT15M"
  frequency           = "PT5M"

  criteria {
    metric_namespace = "Microsoft.Network/azureFirewalls"
    metric_name      = each.value.metric
    aggregation      = "Average"
    operator         = each.value.operator
    threshold        = each.value.threshold
  }

  action {
    action_group_id = var.platform_action_group_resource_id
  }
}

resource "azurerm_monitor_metric_alert" "gateway" {
  for_each = local.gateway_alerts

  name                = "alert-${each.key}"
  resource_group_name = azurerm_resource_group.this.name
  tags                = local.tags
  scopes              = [each.value.scope]
  description         = each.value.description
  severity            = 1
  window_size         = "PT15M"
  frequency           = "PT5M"

  criteria {
    metric_namespace = each.value.namespace
    metric_name      = each.value.metric
    aggregation      = "Average"
    operator         = each.value.operator
    threshold        = each.value.threshold
  }

  action {
    action_group_id = var.platform_action_group_resource_id
  }
}
