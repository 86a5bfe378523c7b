variable "subscription_id" {
  type        = string
  nullable    = false
  description = "Subscription of the connectivity zone."

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.subscription_id))
    error_message = "subscription_id must be the id of a subscription: 32 lower-case hexadecimal digits in five groups."
  }
}

variable "organisation" {
  type        = string
  nullable    = false
  description = "Short name of the organisation or site that stands in every name."
}

variable "location" {
  type        = string
  nullable    = false
  description = "Region, such as francecentral."
}

variable "owner" {
  type        = string
  nullable    = false
  description = "Who answers for the zone: an address that is read."

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.owner))
    error_message = "owner must be an e-mail address that somebody reads, such as network@refinery.example."
  }
}

variable "address_plan" {
  type = object({
    hub              = string
    sidecar          = string
    dns_inbound      = string
    dns_outbound     = string
    resolver_address = string
  })
  nullable    = false
  description = <<-EOT
    Ranges of this zone.
    - `hub`: of the virtual hub, /23. `sidecar`: of the network beside it, where what cannot live in the hub lives.
    - `dns_inbound`, `dns_outbound`: subnets of the resolver in the sidecar, /28 or larger each.
    - `resolver_address`: address in dns_inbound that on-premises and the firewall ask; never changes.
  EOT

  validation {
    condition     = alltrue([for range in [var.address_plan.hub, var.address_plan.sidecar, var.address_plan.dns_inbound, var.address_plan.dns_outbound] : can(cidrhost(range, 0))])
    error_message = "hub, sidecar, dns_inbound and dns_outbound of address_plan must be ranges in CIDR form, such as 10.64.4.0/28."
  }

  validation {
    condition     = try(cidrsubnet("${var.address_plan.resolver_address}/${split("/", var.address_plan.dns_inbound)[1]}", 0, 0) == cidrsubnet(var.address_plan.dns_inbound, 0, 0) && !contains([for n in range(4) : cidrhost(var.address_plan.dns_inbound, n)], var.address_plan.resolver_address), false)
    error_message = "address_plan.resolver_address must lie in dns_inbound, and not be one of its first four addresses: Azure keeps those."
  }
}

variable "firewall" {
  type = object({
    tier                     = optional(string, "Premium")
    zones                    = optional(set(string), ["1", "2", "3"])
    intrusion_detection_mode = optional(string, "Alert")
  })
  default     = {}
  nullable    = false
  description = "Tier of the firewall, its zones, and what it does with intrusions: Off, Alert or Deny (Premium)."
}

variable "edge_source_ranges" {
  type        = list(string)
  nullable    = false
  description = "Ranges on-premises from which IoT Edge hosts connect. Nothing else gets their rules."

  validation {
    condition     = length(var.edge_source_ranges) > 0 && alltrue([for range in var.edge_source_ranges : can(cidrhost(range, 0)) && !startswith(range, "0.0.0.0/")])
    error_message = "edge_source_ranges must name the ranges of the edge hosts in CIDR form, such as 10.20.8.0/24, and not everybody."
  }
}

variable "edge_environments" {
  type = map(object({
    iot_hub  = string
    dps      = string
    registry = string
  }))
  nullable    = false
  description = "Names of each data environment that edge hosts reach: output edge_names of stacks/40-data. Names follow the scheme, so they may be written here before that stack is applied."

  validation {
    condition     = length(var.edge_environments) > 0 && alltrue([for one in var.edge_environments : startswith(one.iot_hub, "iot-") && startswith(one.dps, "provs-") && can(regex("^cr[a-z0-9]+$", one.registry))])
    error_message = "edge_environments must name iot_hub (iot-…), dps (provs-…) and registry (cr…) of each environment, without their domains."
  }
}

variable "edge_profiles" {
  type        = set(string)
  nullable    = false
  default     = ["private", "packages"]
  description = "Which rules of deploy/iot-edge/egress.json are made: private, packages, images, diagnosis."

  validation {
    condition     = contains(var.edge_profiles, "private") && length(setsubtract(var.edge_profiles, ["private", "packages", "images", "diagnosis"])) == 0
    error_message = "edge_profiles must hold private, and may hold packages, images and diagnosis. Their meaning stands in deploy/iot-edge/egress.json."
  }
}

variable "express_route" {
  type = object({
    scale_units = optional(number, 1)
    connections = optional(map(object({
      circuit_peering_resource_id = string
      routing_weight              = optional(number, 0)
    })), {})
  })
  default     = null
  description = "ExpressRoute gateway (2 Gbit/s a unit) and its connections by key; null for none."
}

variable "express_route_authorization_keys" {
  type        = map(string)
  default     = {}
  nullable    = false
  sensitive   = true
  description = "Authorization keys of circuits of another subscription, by key of the connection: TF_VAR_express_route_authorization_keys."
}

variable "vpn" {
  type = object({
    scale_unit = optional(number, 1)
    sites = optional(map(object({
      address_cidrs = optional(list(string), [])
      device_vendor = optional(string)
      device_model  = optional(string)
      links = map(object({
        ip_address    = string
        speed_in_mbps = optional(number, 100)
        provider_name = optional(string)
        bgp           = optional(object({ asn = number, peering_address = string }))
      }))
    })), {})
  })
  default     = null
  description = "VPN gateway (500 Mbit/s a unit) and its sites by key; null for none."
}

variable "vpn_shared_keys" {
  type        = map(string)
  default     = {}
  nullable    = false
  sensitive   = true
  description = "Pre-shared key of each VPN site by its key: TF_VAR_vpn_shared_keys."
}

variable "on_premises_dns" {
  type = map(object({
    domain_name = string
    servers     = list(string)
  }))
  default     = {}
  nullable    = false
  description = "Domains that are asked on-premises, by key: domain_name with a dot at the end, and its servers."
}

variable "workspace_resource_id" {
  type        = string
  nullable    = false
  description = "Log Analytics workspace: output of stacks/20-management."

  validation {
    condition     = can(regex("/workspaces/[^/]+$", var.workspace_resource_id))
    error_message = "workspace_resource_id must be the whole resource id of a workspace: an output of stacks/20-management."
  }
}

variable "platform_action_group_resource_id" {
  type        = string
  nullable    = false
  description = "Action group platform: output of stacks/20-management."

  validation {
    condition     = can(regex("/actionGroups/[^/]+$", var.platform_action_group_resource_id))
    error_message = "platform_action_group_resource_id must be the whole resource id of an action group: an output of stacks/20-management."
  }
}

variable "budget" {
  type = object({
    amount     = number
    start_date = string
  })
  nullable    = false
  description = "Budget of a month in the currency of the subscription, and the first of the month it begins with."
}

variable "cost_action_group_resource_id" {
  type        = string
  nullable    = false
  description = "Action group cost: output of stacks/20-management."
}
