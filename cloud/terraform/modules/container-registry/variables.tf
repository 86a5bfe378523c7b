variable "name" {
  type        = string
  nullable    = false
  description = "Name of the registry, unique in all of Azure: names.container_registry of the naming module."

  validation {
    condition     = can(regex("^[a-z0-9]{5,50}$", var.name))
    error_message = "name must be 5 to 50 lower-case letters and digits, without dashes: take names.container_registry of the naming module."
  }
}

variable "zone_redundancy_enabled" {
  type        = bool
  nullable    = false
  default     = true
  description = "Spread over the zones of the region. Fixed when the registry is made."
}

variable "untagged_retention_days" {
  type        = number
  nullable    = false
  default     = 30
  description = "Days after which manifests without a tag go."

  validation {
    condition     = var.untagged_retention_days >= 1 && var.untagged_retention_days <= 365 && floor(var.untagged_retention_days) == var.untagged_retention_days
    error_message = "untagged_retention_days must be a whole number from 1 to 365."
  }
}

variable "edge_pull_tokens" {
  type = map(object({
    repositories = set(string)
    enabled      = optional(bool, true)
  }))
  default     = {}
  nullable    = false
  description = <<-EOT
    Tokens that IoT Edge hosts pull with, by name: there are no managed identities at the edge. Passwords are made outside
    of Terraform, so that they do not stand in its state.
    - `repositories`: what the token may read, and nothing else.
    - `enabled`: false stops it at once.
  EOT

  validation {
    condition     = alltrue([for name in keys(var.edge_pull_tokens) : can(regex("^[a-zA-Z0-9-]{5,50}$", name))])
    error_message = "A token's name (the key) must be 5 to 50 letters, digits and dashes, such as edge-pull."
  }

  validation {
    condition     = alltrue([for one in var.edge_pull_tokens : length(one.repositories) > 0 && alltrue([for name in one.repositories : !strcontains(name, "*")])])
    error_message = "A token must name its repositories one by one (fieldgate, azureiotedge-agent, azureiotedge-hub). Wildcards would let an edge host read everything."
  }
}
