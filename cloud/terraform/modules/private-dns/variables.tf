variable "resource_group_name" {
  type        = string
  nullable    = false
  description = "Name of the resource group that holds the resource."

  validation {
    condition     = can(regex("^rg-[a-z0-9-]{1,86}[a-z0-9]$", var.resource_group_name))
    error_message = "resource_group_name must be a name of the naming module: rg- and then lower-case letters, digits and dashes, such as rg-lav-data-prod-frc-001."
  }
}

variable "location" {
  type        = string
  nullable    = false
  description = "Azure region in its short form, such as francecentral."

  validation {
    condition     = can(regex("^[a-z]+[a-z0-9]*$", var.location))
    error_message = "location must be the short form of a region, lower case and without spaces: francecentral, not \"France Central\"."
  }
}

variable "tags" {
  type        = map(string)
  nullable    = false
  description = "Tags of every resource of the module. `environment`, `owner` and `zone` are required: costs and alerts are sorted by them."

  validation {
    condition     = alltrue([for key in ["environment", "owner", "zone"] : try(length(var.tags[key]) > 0, false)])
    error_message = "tags must have environment, owner and zone, none of them empty. Add what is missing, for example owner = \"data-platform@refinery.example\"."
  }
}

variable "zones" {
  type        = set(string)
  nullable    = false
  description = "Zones, such as privatelink.azure-devices.net. {region} in a name is replaced by location."

  validation {
    condition     = length(var.zones) > 0 && alltrue([for name in var.zones : can(regex("^([a-z0-9{}-]+\\.)+[a-z]{2,}$", name))])
    error_message = "zones must hold names of zones without a dot at the end, such as privatelink.azure-devices.net or privatelink.{region}.kusto.windows.net."
  }
}

variable "links" {
  type        = map(string)
  default     = {}
  nullable    = false
  description = "Networks that ask the zones, by arbitrary key: resource ids. The network of the resolver is enough when all others ask the resolver."

  validation {
    condition     = alltrue([for id in var.links : can(regex("/virtualNetworks/[^/]+$", id))])
    error_message = "links must hold whole resource ids of networks, ending with /virtualNetworks/<name>."
  }
}

variable "resolver" {
  type = object({
    name                        = string
    virtual_network_resource_id = string
    inbound_subnet_resource_id  = string
    inbound_private_ip_address  = string
    inbound_endpoint_name       = optional(string)
    outbound = optional(object({
      subnet_resource_id = string
      endpoint_name      = optional(string)
      ruleset_name       = optional(string)
      forwarding_rules = map(object({
        domain_name = string
        servers     = list(string)
      }))
    }))
  })
  default     = null
  description = <<-EOT
    Resolver in the network beside the hub, or null.
    - `name`, `virtual_network_resource_id`: the resolver and its network.
    - `inbound_subnet_resource_id`, `inbound_private_ip_address`: where it is asked. The address is fixed, because it stands in the DNS servers on-premises.
    - `inbound_endpoint_name`: default in- with the resolver's own.
    - `outbound`: where it asks from, for domains of on-premises; null for none. `subnet_resource_id`; `endpoint_name`, `ruleset_name`
      (default out- and dnsfrs-); `forwarding_rules` by arbitrary key: `domain_name` with a dot at the end, and its `servers`.
  EOT

  validation {
    condition     = var.resolver == null ? true : can(cidrhost("${var.resolver.inbound_private_ip_address}/32", 0))
    error_message = "resolver.inbound_private_ip_address must be an address of the inbound subnet, such as 10.64.4.4."
  }

  validation {
    condition     = try(var.resolver.outbound, null) == null ? true : alltrue([for rule in var.resolver.outbound.forwarding_rules : endswith(rule.domain_name, ".") && length(rule.servers) > 0 && length(rule.servers) <= 6])
    error_message = "A forwarding rule needs a domain_name with a dot at the end (refinery.example.) and 1 to 6 servers."
  }
}
