variable "name" {
  type        = string
  nullable    = false
  description = "Name of the endpoint, pep-<resource>-<key>."

  validation {
    condition     = can(regex("^pep-[a-z0-9-]{1,75}[a-z0-9]$", var.name))
    error_message = "name must begin with pep- and have at most 80 lower-case letters, digits and dashes, such as pep-iot-lav-data-prod-frc-001-hub."
  }
}

variable "resource_group_name" {
  type        = string
  nullable    = false
  description = "Name of the resource group that holds the endpoint."
}

variable "location" {
  type        = string
  nullable    = false
  description = "Region of the endpoint: that of its subnet."
}

variable "tags" {
  type        = map(string)
  nullable    = false
  default     = {}
  description = "Tags of the endpoint."
}

variable "subnet_resource_id" {
  type        = string
  nullable    = false
  description = "Subnet of the endpoint."

  validation {
    condition     = can(regex("/virtualNetworks/[^/]+/subnets/[^/]+$", var.subnet_resource_id))
    error_message = "subnet_resource_id must be the whole resource id of a subnet, ending with /virtualNetworks/<network>/subnets/<subnet>."
  }
}

variable "private_connection_resource_id" {
  type        = string
  nullable    = false
  description = "Resource that the endpoint leads to."
}

variable "subresource_name" {
  type        = string
  nullable    = false
  description = "Part of the resource that the endpoint leads to: iotHub, iotDps, namespace, blob, dfs, vault, registry, cluster, sites…"

  validation {
    condition = contains([
      "iotHub", "iotDps", "namespace", "blob", "dfs", "file", "queue", "table", "vault", "registry", "cluster", "sites", "azuremonitor",
    ], var.subresource_name)
    error_message = "subresource_name must be iotHub, iotDps, namespace, blob, dfs, file, queue, table, vault, registry, cluster, sites or azuremonitor. Its case matters. For another one add the zones it needs to modules/private-endpoint/locals.tf."
  }
}

variable "private_dns_zone_resource_ids" {
  type        = set(string)
  nullable    = false
  description = "Zones in which Azure keeps the records of the endpoint. All that the subresource needs: an IoT hub needs two."

  validation {
    condition     = length(var.private_dns_zone_resource_ids) > 0
    error_message = "private_dns_zone_resource_ids must name at least one zone: without it the name of the service still resolves to its public address."
  }

  validation {
    condition     = alltrue([for id in var.private_dns_zone_resource_ids : can(regex("/privateDnsZones/privatelink\\.[a-z0-9.-]+$", id))])
    error_message = "private_dns_zone_resource_ids must be whole resource ids, ending with /privateDnsZones/privatelink.<zone>."
  }
}

variable "private_dns_zone_group_name" {
  type        = string
  nullable    = false
  default     = "default"
  description = "Name of the zone group."
}

variable "network_interface_name" {
  type        = string
  default     = null
  description = "Name of the network interface; default nic-<name>."
}
