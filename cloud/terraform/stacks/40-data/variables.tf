variable "subscription_id" {
  type        = string
  nullable    = false
  description = "Subscription of the data zone in this environment."

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.subscription_id))
    error_message = "subscription_id must be the id of a subscription: 32 lower-case hexadecimal digits in five groups."
  }
}

variable "tenant_id" {
  type        = string
  nullable    = false
  description = "Tenant of identities and groups."
}

variable "environment" {
  type        = string
  nullable    = false
  description = "prod or preprod."

  validation {
    condition     = contains(["prod", "preprod"], var.environment)
    error_message = "environment must be prod or preprod; the file is envs/<environment>.tfvars."
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
    error_message = "owner must be an e-mail address that somebody reads, such as data-platform@refinery.example."
  }
}

variable "network" {
  type = object({
    address_space           = string
    endpoint_subnet_prefix  = string
    hub_address_prefix      = string
    virtual_hub_resource_id = string
    dns_servers             = list(string)
  })
  nullable    = false
  description = <<-EOT
    Place of the spoke in the network; outputs of stacks/10-connectivity.
    - `address_space`, `endpoint_subnet_prefix`: range of the spoke, and of snet-pep in it.
    - `hub_address_prefix`: range of the hub: what its firewall lets through comes from there.
    - `virtual_hub_resource_id`, `dns_servers`: the hub, and its firewall's address.
  EOT

  validation {
    condition     = can(cidrhost(var.network.hub_address_prefix, 0)) && length(var.network.dns_servers) > 0
    error_message = "network.hub_address_prefix must be the hub's range in CIDR form, and network.dns_servers must name the firewall's address: without it names resolve to public addresses."
  }
}

variable "private_dns_resource_group_resource_id" {
  type        = string
  nullable    = false
  description = "Resource group of the private DNS zones: output of stacks/10-connectivity."

  validation {
    condition     = can(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+$", var.private_dns_resource_group_resource_id))
    error_message = "private_dns_resource_group_resource_id must be /subscriptions/<id>/resourceGroups/<name>: an output of stacks/10-connectivity."
  }
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

variable "action_group_resource_ids" {
  type        = map(string)
  nullable    = false
  description = "Action groups operations, platform and cost: output of stacks/20-management."

  validation {
    condition     = alltrue([for key in ["operations", "platform", "cost"] : can(regex("/actionGroups/[^/]+$", var.action_group_resource_ids[key]))])
    error_message = "action_group_resource_ids must have operations, platform and cost, each a whole resource id: an output of stacks/20-management."
  }
}

variable "groups" {
  type = object({
    engineers  = string
    operators  = string
    fleet      = string
    fleet_type = optional(string, "ServicePrincipal")
  })
  nullable    = false
  description = <<-EOT
    Object ids of who works here.
    - `engineers`: group that asks telemetry and reads the lake.
    - `operators`: group that looks at devices.
    - `fleet`, `fleet_type`: identity of the runner that makes enrolments and deployments (data plane; Owner has none of these rights).
  EOT
}

variable "iot_hub" {
  type = object({
    sku      = string
    capacity = number
  })
  nullable    = false
  description = "Tier and units of the IoT hub; `fieldgate cost` says which."
}

variable "expected_gateways" {
  type        = number
  nullable    = false
  description = "Gateways that should be connected; an alert tells when there are fewer."

  validation {
    condition     = var.expected_gateways >= 1 && floor(var.expected_gateways) == var.expected_gateways
    error_message = "expected_gateways must be a whole number, 1 or more."
  }
}

variable "event_hubs" {
  type = object({
    capacity         = number
    maximum_capacity = number
    partition_count  = optional(number, 4)
  })
  nullable    = false
  description = "Throughput units of the namespace, up to how many it grows, and partitions of the event hubs of telemetry."
}

variable "adx" {
  type = object({
    sku              = string
    capacity         = number
    zones            = optional(set(string), ["1", "2", "3"])
    hot_cache_days   = number
    soft_delete_days = number
    compression      = optional(string, "GZip")
  })
  nullable    = false
  description = <<-EOT
    The cluster: size, nodes, zones; days that readings are hot and kept.
    - `compression`: GZip or None; must be what hub.compression says in the mappings of all gateways (gzip, none).
  EOT
}

variable "lake" {
  type = object({
    replication      = string
    raw_cool_days    = optional(number, 30)
    raw_delete_days  = number
    extra_containers = optional(set(string), [])
  })
  nullable    = false
  description = "Replication of the lake, when raw messages grow cool and go, and containers beside raw."
}

variable "edge_repositories" {
  type        = set(string)
  nullable    = false
  default     = ["fieldgate", "azureiotedge-agent", "azureiotedge-hub", "azureiotedge-diagnostics"]
  description = "Images that edge hosts may pull."
}

variable "device_root_certificates" {
  type        = map(string)
  nullable    = false
  default     = {}
  description = "Root certificates of devices by name, in PEM or base64; never with a private key."
}

variable "budget" {
  type = object({
    amount     = number
    start_date = string
  })
  nullable    = false
  description = "Budget of a month in the currency of the subscription, and the first of the month it begins with."
}

variable "completeness_alert" {
  type = object({
    allowed_ip_ranges = set(string)
    patience_hours    = optional(number, 24)
  })
  default     = null
  description = <<-EOT
    Alert on readings that neither came nor were given up by name; null for none.
    Azure Monitor has no private way to a cluster: with this, the cluster's public side is open for the ranges named here
    (and for identities with a role alone). It is a decision of the security officer; docs/cloud.md has both ways.
    - `allowed_ip_ranges`: AzureMonitor, or its ranges.
    - `patience_hours`: how long a number may be on its way: longer than the longest backlog that is normal.
  EOT

  validation {
    condition     = var.completeness_alert == null ? true : length(var.completeness_alert.allowed_ip_ranges) > 0 && var.completeness_alert.patience_hours >= 1 && var.completeness_alert.patience_hours <= 47
    error_message = "completeness_alert needs allowed_ip_ranges (such as AzureMonitor) and patience_hours from 1 to 47: the alert looks back two days. Leave it out where the cluster stays closed."
  }
}
