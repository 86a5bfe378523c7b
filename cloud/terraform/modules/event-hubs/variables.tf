variable "name" {
  type        = string
  nullable    = false
  description = "Name of the namespace, unique in all of Azure: names.event_hub_namespace of the naming module."

  validation {
    condition     = can(regex("^evhns-[a-z0-9-]{1,43}[a-z0-9]$", var.name))
    error_message = "name must be evhns- and then 2 to 44 lower-case letters, digits and dashes, not ending with a dash: take names.event_hub_namespace of the naming module."
  }
}

variable "sku" {
  type        = string
  nullable    = false
  default     = "Standard"
  description = "Standard or Premium."

  validation {
    condition     = contains(["Standard", "Premium"], var.sku)
    error_message = "sku must be Standard or Premium. Basic has one consumer group only and no private endpoint."
  }
}

variable "capacity" {
  type        = number
  nullable    = false
  default     = 1
  description = "Throughput units (Standard: 1 MB/s in, 2 MB/s out each) or processing units (Premium)."

  validation {
    condition     = var.capacity >= 1 && var.capacity <= 40 && floor(var.capacity) == var.capacity
    error_message = "capacity must be a whole number from 1 to 40 (Premium takes 1, 2, 4, 8, 12 or 16)."
  }
}

variable "maximum_capacity" {
  type        = number
  default     = null
  description = "Throughput units up to which a Standard namespace grows by itself; null: it does not."

  validation {
    condition     = var.maximum_capacity == null ? true : var.maximum_capacity >= 1 && var.maximum_capacity <= 40
    error_message = "maximum_capacity must be 1 to 40, or be left out so that the namespace does not grow."
  }
}

variable "event_hubs" {
  type = map(object({
    partition_count   = optional(number, 4)
    retention_in_days = optional(number, 7)
    consumer_groups   = optional(set(string), [])
  }))
  nullable    = false
  description = <<-EOT
    Event hubs by name.
    - `partition_count`: fixed for the life of a Standard event hub.
    - `retention_in_days`: how long a consumer may be down without a loss; Standard keeps 7 days at most.
    - `consumer_groups`: one for each consumer, never $Default.
  EOT

  validation {
    condition     = alltrue([for name in keys(var.event_hubs) : can(regex("^[a-z][a-z0-9-]{0,48}[a-z0-9]$", name))])
    error_message = "An event hub's name (the key) must be 2 to 50 lower-case letters, digits and dashes, beginning with a letter, such as rows."
  }

  validation {
    condition     = alltrue([for one in var.event_hubs : one.partition_count >= 1 && one.partition_count <= 32 && one.retention_in_days >= 1 && one.retention_in_days <= 7])
    error_message = "partition_count must be 1 to 32 and retention_in_days 1 to 7."
  }

  validation {
    condition     = alltrue(flatten([for one in var.event_hubs : [for group in one.consumer_groups : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$", group))]]))
    error_message = "A consumer group needs a name of 1 to 50 letters, digits, dots, dashes and underscores. $Default exists already and is for nobody."
  }
}

variable "allowed_subnet_resource_ids" {
  type        = set(string)
  nullable    = false
  description = "Subnets in the rule set of the public side, at least one: Azure takes a rule set without rules for open to all. The subnet of the private endpoints does."

  validation {
    condition     = length(var.allowed_subnet_resource_ids) > 0 && alltrue([for id in var.allowed_subnet_resource_ids : can(regex("/virtualNetworks/[^/]+/subnets/[^/]+$", id))])
    error_message = "allowed_subnet_resource_ids must name at least one subnet by its whole resource id, such as that of snet-pep. Without any rule the namespace would be open to all networks."
  }
}
