variable "name" {
  type        = string
  nullable    = false
  description = "Name of the network: names.virtual_network of the naming module."

  validation {
    condition     = can(regex("^vnet-[a-z0-9-]{1,58}[a-z0-9]$", var.name))
    error_message = "name must be vnet- and then at most 59 lower-case letters, digits and dashes, not ending with a dash: take names.virtual_network of the naming module."
  }
}

variable "address_space" {
  type        = list(string)
  nullable    = false
  description = "Address ranges of the network. They must not overlap with any other network of the wide area network, on-premises included."

  validation {
    condition     = length(var.address_space) > 0 && alltrue([for range in var.address_space : can(cidrhost(range, 0)) && can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", range))])
    error_message = "address_space must hold private ranges in CIDR form, such as 10.64.16.0/22."
  }
}

variable "subnets" {
  type = map(object({
    address_prefix            = string
    delegation                = optional(string)
    endpoint_network_policies = optional(string, "Enabled")
    security_rules = optional(map(object({
      priority                     = number
      direction                    = string
      access                       = string
      protocol                     = string
      source_address_prefixes      = optional(list(string), ["*"])
      destination_address_prefixes = optional(list(string), ["*"])
      destination_port_ranges      = optional(list(string), ["*"])
      description                  = optional(string, "")
    })), {})
  }))
  nullable    = false
  description = <<-EOT
    Subnets by name (snet-…). Each gets a security group of its own, at once: a policy of the landing zone refuses a subnet
    without one.
    - `address_prefix`: its range, inside address_space.
    - `delegation`: service that the subnet is given to, such as Microsoft.Network/dnsResolvers; null for none.
    - `endpoint_network_policies`: Enabled lets routes and rules see private endpoints; leave it.
    - `security_rules`: rules by name, as Azure has them: priority 100 to 4096, direction Inbound or Outbound, access Allow or Deny, protocol Tcp, Udp, Icmp or *.
  EOT

  validation {
    condition     = alltrue([for name in keys(var.subnets) : can(regex("^snet-[a-z0-9-]{1,74}$", name))])
    error_message = "A subnet's name (the key) must begin with snet- and have lower-case letters, digits and dashes, such as snet-pep."
  }

  validation {
    condition     = alltrue([for one in var.subnets : can(cidrhost(one.address_prefix, 0))])
    error_message = "address_prefix must be a range in CIDR form, such as 10.64.16.0/26."
  }

  validation {
    condition     = alltrue([for one in var.subnets : contains(["Enabled", "NetworkSecurityGroupEnabled", "RouteTableEnabled", "Disabled"], one.endpoint_network_policies)])
    error_message = "endpoint_network_policies must be Enabled, NetworkSecurityGroupEnabled, RouteTableEnabled or Disabled."
  }

  validation {
    condition = alltrue(flatten([for one in var.subnets : [for rule in one.security_rules :
      rule.priority >= 100 && rule.priority <= 4096 && contains(["Inbound", "Outbound"], rule.direction) && contains(["Allow", "Deny"], rule.access) && contains(["Tcp", "Udp", "Icmp", "*"], rule.protocol)
    ]]))
    error_message = "A security rule needs a priority from 100 to 4096, direction Inbound or Outbound, access Allow or Deny, protocol Tcp, Udp, Icmp or *."
  }

  validation {
    condition     = alltrue([for one in var.subnets : length(one.security_rules) == length(distinct([for rule in one.security_rules : "${rule.direction} ${rule.priority}"]))])
    error_message = "Two security rules of a subnet have the same direction and priority. Give each a priority of its own, ten apart."
  }
}

variable "dns_servers" {
  type        = list(string)
  default     = []
  nullable    = false
  description = "DNS servers of the network: the firewall's address, which asks the resolver. [] for Azure's own, in the sidecar network alone."

  validation {
    condition     = alltrue([for one in var.dns_servers : can(cidrhost("${one}/32", 0))])
    error_message = "dns_servers must be addresses, such as 10.64.0.68, not names."
  }
}

variable "virtual_hub_connection" {
  type = object({
    virtual_hub_resource_id   = string
    internet_security_enabled = optional(bool, true)
  })
  default     = null
  description = <<-EOT
    Connection to the virtual hub; null for none.
    - `virtual_hub_resource_id`: the hub.
    - `internet_security_enabled`: traffic to the internet goes through the hub's firewall; leave it.
  EOT

  validation {
    condition     = var.virtual_hub_connection == null ? true : can(regex("/virtualHubs/[^/]+$", var.virtual_hub_connection.virtual_hub_resource_id))
    error_message = "virtual_hub_connection.virtual_hub_resource_id must be the whole resource id of a hub, ending with /virtualHubs/<name>. Leave virtual_hub_connection out for none."
  }
}
