variable "virtual_wan_name" {
  type        = string
  nullable    = false
  description = "Name of the virtual WAN: names.virtual_wan of the naming module."

  validation {
    condition     = can(regex("^vwan-[a-z0-9-]{1,74}[a-z0-9]$", var.virtual_wan_name))
    error_message = "virtual_wan_name must be vwan- and then lower-case letters, digits and dashes: take names.virtual_wan of the naming module."
  }
}

variable "hub" {
  type = object({
    name               = string
    address_prefix     = string
    routing_preference = optional(string, "ExpressRoute")
  })
  nullable    = false
  description = <<-EOT
    The virtual hub.
    - `name`: names.virtual_hub of the naming module.
    - `address_prefix`: range of the hub alone; /23 recommended, /24 at least. Nothing of ours can live in it.
    - `routing_preference`: ExpressRoute, VpnGateway or ASPath, when a range is known by several ways.
  EOT

  validation {
    condition     = can(regex("^vhub-[a-z0-9-]{1,74}[a-z0-9]$", var.hub.name))
    error_message = "hub.name must be vhub- and then lower-case letters, digits and dashes: take names.virtual_hub of the naming module."
  }

  validation {
    condition     = can(cidrhost(var.hub.address_prefix, 0)) && try(tonumber(split("/", var.hub.address_prefix)[1]) <= 24, false)
    error_message = "hub.address_prefix must be a range in CIDR form of /24 or larger, better /23: gateways and the firewall take their addresses from it, and it cannot be changed."
  }

  validation {
    condition     = contains(["ExpressRoute", "VpnGateway", "ASPath"], var.hub.routing_preference)
    error_message = "hub.routing_preference must be ExpressRoute, VpnGateway or ASPath."
  }
}

variable "firewall" {
  type = object({
    name                     = string
    policy_name              = string
    tier                     = optional(string, "Premium")
    zones                    = optional(set(string), ["1", "2", "3"])
    public_ip_count          = optional(number, 1)
    dns_servers              = optional(list(string), [])
    intrusion_detection_mode = optional(string, "Alert")
  })
  nullable    = false
  description = <<-EOT
    Azure Firewall in the hub, and its policy.
    - `name`, `policy_name`: names.firewall and names.firewall_policy of the naming module.
    - `tier`: Standard, or Premium for intrusion detection.
    - `zones`: zones it is spread over. `public_ip_count`: addresses for what goes out.
    - `dns_servers`: what its proxy asks: the inbound endpoint of the resolver. [] for Azure's own.
    - `intrusion_detection_mode`: Off, Alert or Deny; Premium only.
  EOT

  validation {
    condition     = contains(["Standard", "Premium"], var.firewall.tier)
    error_message = "firewall.tier must be Standard or Premium; a hub takes no Basic firewall with routing intent."
  }

  validation {
    condition     = contains(["Off", "Alert", "Deny"], var.firewall.intrusion_detection_mode)
    error_message = "firewall.intrusion_detection_mode must be Off, Alert or Deny."
  }

  validation {
    condition     = var.firewall.public_ip_count >= 1 && var.firewall.public_ip_count <= 80
    error_message = "firewall.public_ip_count must be 1 to 80."
  }

  validation {
    condition     = alltrue([for one in var.firewall.dns_servers : can(cidrhost("${one}/32", 0))])
    error_message = "firewall.dns_servers must be addresses, such as 10.64.4.4: the resolver's inbound endpoint."
  }
}

variable "rule_collection_groups" {
  type = map(object({
    priority = number
    application_rule_collections = optional(map(object({
      priority = number
      action   = optional(string, "Allow")
      rules = map(object({
        description       = optional(string, "")
        source_addresses  = list(string)
        destination_fqdns = list(string)
        protocols         = optional(map(number), { Https = 443 })
      }))
    })), {})
    network_rule_collections = optional(map(object({
      priority = number
      action   = optional(string, "Allow")
      rules = map(object({
        description           = optional(string, "")
        source_addresses      = list(string)
        destination_addresses = optional(list(string), [])
        destination_fqdns     = optional(list(string), [])
        destination_ports     = list(string)
        protocols             = optional(list(string), ["TCP"])
      }))
    })), {})
  }))
  default     = {}
  nullable    = false
  description = <<-EOT
    Rules of the firewall policy: groups, collections and rules by name. What no rule allows is denied.
    - `priority`: of a group or collection, 100 to 65000; the lower comes first.
    - `application_rule_collections`: by name of the server (`destination_fqdns`, with * in front allowed); `protocols` Https or Http with their port.
    - `network_rule_collections`: by address or exact name and port; `protocols` TCP, UDP, ICMP or Any.
  EOT

  validation {
    condition = alltrue(flatten([for group in var.rule_collection_groups : concat(
      [group.priority >= 100 && group.priority <= 65000],
      [for one in group.application_rule_collections : one.priority >= 100 && one.priority <= 65000 && contains(["Allow", "Deny"], one.action)],
      [for one in group.network_rule_collections : one.priority >= 100 && one.priority <= 65000 && contains(["Allow", "Deny"], one.action)],
    )]))
    error_message = "A priority must be from 100 to 65000, and the action of a collection Allow or Deny."
  }

  validation {
    condition = alltrue(flatten([for group in var.rule_collection_groups : [for one in group.application_rule_collections : [for rule in one.rules :
      length(rule.source_addresses) > 0 && !contains(rule.source_addresses, "*") && length(rule.destination_fqdns) > 0 && !contains(rule.destination_fqdns, "*")
    ]]]))
    error_message = "An application rule must say from where and to which names: source_addresses and destination_fqdns must not be empty, nor *."
  }

  validation {
    condition = alltrue(flatten([for group in var.rule_collection_groups : [for one in group.network_rule_collections : [for rule in one.rules :
      length(rule.source_addresses) > 0 && !contains(rule.source_addresses, "*") && (length(rule.destination_addresses) > 0) != (length(rule.destination_fqdns) > 0) && !anytrue([for name in rule.destination_fqdns : strcontains(name, "*")])
    ]]]))
    error_message = "A network rule must say from where, and either destination_addresses or destination_fqdns. Names there are exact: for *.example.com take an application rule."
  }
}

variable "express_route" {
  type = object({
    gateway_name = string
    scale_units  = optional(number, 1)
    connections = optional(map(object({
      name                        = string
      circuit_peering_resource_id = string
      routing_weight              = optional(number, 0)
    })), {})
  })
  default     = null
  description = <<-EOT
    ExpressRoute gateway and its connections, or null.
    - `gateway_name`: names.express_route_gateway of the naming module. `scale_units`: 2 Gbit/s each.
    - `connections`: by arbitrary key: `name`, `circuit_peering_resource_id` (…/peerings/AzurePrivatePeering) and `routing_weight`.
  EOT

  validation {
    condition     = var.express_route == null ? true : var.express_route.scale_units >= 1 && var.express_route.scale_units <= 10
    error_message = "express_route.scale_units must be 1 to 10 (2 Gbit/s each)."
  }

  validation {
    condition     = var.express_route == null ? true : alltrue([for one in var.express_route.connections : endswith(one.circuit_peering_resource_id, "/peerings/AzurePrivatePeering")])
    error_message = "circuit_peering_resource_id must end with /peerings/AzurePrivatePeering: a hub connects to private peering only."
  }
}

variable "express_route_authorization_keys" {
  type        = map(string)
  default     = {}
  nullable    = false
  sensitive   = true
  description = "Authorization keys of circuits of another subscription, by the key of the connection. From the pipeline's secrets, never from a file."
}

variable "vpn" {
  type = object({
    gateway_name = string
    scale_unit   = optional(number, 1)
    sites = optional(map(object({
      name            = string
      connection_name = string
      address_cidrs   = optional(list(string), [])
      device_vendor   = optional(string)
      device_model    = optional(string)
      links = map(object({
        ip_address    = string
        speed_in_mbps = optional(number, 100)
        provider_name = optional(string)
        bgp           = optional(object({ asn = number, peering_address = string }))
      }))
    })), {})
  })
  default     = null
  description = <<-EOT
    VPN gateway, its sites and a connection to each, or null.
    - `gateway_name`: names.vpn_gateway of the naming module. `scale_unit`: 500 Mbit/s each.
    - `sites`: by arbitrary key: `name`, `connection_name`, `address_cidrs` behind it (not needed with BGP on every link),
      `device_vendor`, `device_model`, and `links` by name: public `ip_address`, `speed_in_mbps`, `provider_name`, `bgp`.
  EOT

  validation {
    condition     = var.vpn == null ? true : var.vpn.scale_unit >= 1 && var.vpn.scale_unit <= 20
    error_message = "vpn.scale_unit must be 1 to 20 (500 Mbit/s each)."
  }

  validation {
    condition     = var.vpn == null ? true : alltrue([for site in var.vpn.sites : length(site.links) > 0 && (length(site.address_cidrs) > 0 || alltrue([for link in site.links : link.bgp != null]))])
    error_message = "A VPN site needs a link, and either address_cidrs or BGP on every link: without them the hub does not know what lies behind it."
  }

  validation {
    condition     = var.vpn == null ? true : alltrue(flatten([for site in var.vpn.sites : [for link in site.links : can(cidrhost("${link.ip_address}/32", 0))]]))
    error_message = "ip_address of a VPN link must be the public address of the device on site."
  }
}

variable "vpn_shared_keys" {
  type        = map(string)
  default     = {}
  nullable    = false
  sensitive   = true
  description = "Pre-shared key of each site, by its key. From the pipeline's secrets, never from a file."

  validation {
    condition     = alltrue([for key in values(var.vpn_shared_keys) : length(key) >= 24])
    error_message = "A pre-shared key must have 24 characters or more. Make one with: openssl rand -base64 36."
  }
}
