# The connectivity zone: the way from the refinery into Azure, and names on that way.

module "naming" {
  source = "../../modules/naming"

  organisation = var.organisation
  workload     = "conn"
  environment  = "platform"
  location     = var.location
}

resource "azurerm_resource_group" "this" {
  name     = module.naming.names.resource_group
  location = var.location
  tags     = local.tags
}

module "hub" {
  source = "../../modules/virtual-wan-hub"

  virtual_wan_name    = module.naming.names.virtual_wan
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
  lock                = local.lock
  diagnostic_settings = local.diagnostics

  # ExpressRoute first, VPN when it fails
  hub = {
    name               = module.naming.names.virtual_hub
    address_prefix     = var.address_plan.hub
    routing_preference = "ExpressRoute"
  }

  firewall = {
    name                     = module.naming.names.firewall
    policy_name              = module.naming.names.firewall_policy
    tier                     = var.firewall.tier
    zones                    = var.firewall.zones
    intrusion_detection_mode = var.firewall.intrusion_detection_mode
    dns_servers              = [var.address_plan.resolver_address]
  }

  rule_collection_groups = {
    iot-edge = {
      priority = 1000
      application_rule_collections = {
        edge-by-name = {
          priority = 1100
          rules = { for name, rule in local.by_name : name => {
            description       = rule.why
            source_addresses  = var.edge_source_ranges
            destination_fqdns = local.egress_names[name]
            protocols         = { (title(rule.protocol)) = rule.port }
          } }
        }
      }
      network_rule_collections = {
        edge-by-port = {
          priority = 1050
          rules = { for name, rule in local.by_port : name => {
            description       = rule.why
            source_addresses  = var.edge_source_ranges
            destination_fqdns = local.egress_names[name]
            destination_ports = [tostring(rule.port)]
            protocols         = [upper(rule.protocol)]
          } }
        }
      }
    }
    platform = {
      priority = 500
      network_rule_collections = {
        dns = {
          priority = 510
          rules = {
            resolver = {
              description           = "On-premises servers ask the resolver for private names"
              source_addresses      = var.vpn == null && var.express_route == null ? var.edge_source_ranges : distinct(concat(var.edge_source_ranges, flatten([for one in var.on_premises_dns : [for address in one.servers : "${address}/32"]])))
              destination_addresses = [var.address_plan.resolver_address]
              destination_ports     = ["53"]
              protocols             = ["TCP", "UDP"]
            }
          }
        }
      }
    }
  }

  express_route = var.express_route == null ? null : {
    gateway_name = module.naming.names.express_route_gateway
    scale_units  = var.express_route.scale_units
    connections = { for key, one in var.express_route.connections : key => {
      name                        = "${module.naming.names.express_route_connection}-${key}"
      circuit_peering_resource_id = one.circuit_peering_resource_id
      routing_weight              = one.routing_weight
    } }
  }
  express_route_authorization_keys = var.express_route_authorization_keys

  vpn = var.vpn == null ? null : {
    gateway_name = module.naming.names.vpn_gateway
    scale_unit   = var.vpn.scale_unit
    sites = { for key, one in var.vpn.sites : key => merge(one, {
      name            = "${module.naming.names.vpn_site}-${key}"
      connection_name = "${module.naming.names.vpn_connection}-${key}"
    }) }
  }
  vpn_shared_keys = var.vpn_shared_keys
}

# What cannot live in a virtual hub lives beside it.
module "sidecar" {
  source = "../../modules/spoke-network"

  name                   = module.naming.names.virtual_network
  resource_group_name    = azurerm_resource_group.this.name
  location               = var.location
  tags                   = local.tags
  address_space          = [var.address_plan.sidecar]
  virtual_hub_connection = { virtual_hub_resource_id = module.hub.resource_id }
  lock                   = local.lock
  diagnostic_settings    = local.diagnostics

  subnets = {
    snet-dns-in = {
      address_prefix = var.address_plan.dns_inbound
      delegation     = "Microsoft.Network/dnsResolvers"
      security_rules = {
        dns-in = {
          priority                = 100
          direction               = "Inbound"
          access                  = "Allow"
          protocol                = "*"
          source_address_prefixes = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
          destination_port_ranges = ["53"]
          description             = "Firewall and on-premises"
        }
        rest-in = { priority = 4096, direction = "Inbound", access = "Deny", protocol = "*", description = "Nobody else" }
      }
    }
    snet-dns-out = {
      address_prefix = var.address_plan.dns_outbound
      delegation     = "Microsoft.Network/dnsResolvers"
    }
  }
}

module "dns" {
  source = "../../modules/private-dns"

  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
  zones               = local.private_dns_zones
  links               = { sidecar = module.sidecar.resource_id }

  resolver = {
    name                        = module.naming.names.dns_resolver
    virtual_network_resource_id = module.sidecar.resource_id
    inbound_subnet_resource_id  = module.sidecar.subnets["snet-dns-in"].resource_id
    inbound_private_ip_address  = var.address_plan.resolver_address
    inbound_endpoint_name       = module.naming.names.dns_inbound_endpoint
    outbound = {
      subnet_resource_id = module.sidecar.subnets["snet-dns-out"].resource_id
      endpoint_name      = module.naming.names.dns_outbound_endpoint
      ruleset_name       = module.naming.names.dns_forwarding_ruleset
      forwarding_rules   = var.on_premises_dns
    }
  }
}

module "budget" {
  source = "../../modules/budget"

  name                       = module.naming.names.budget
  resource_group_resource_id = azurerm_resource_group.this.id
  amount                     = var.budget.amount
  start_date                 = var.budget.start_date
  action_group_resource_ids  = [var.cost_action_group_resource_id]
}
