# Interfaces of Azure Verified Modules. This file is the same in every module that has it.

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

variable "lock" {
  type = object({
    kind = string
    name = optional(string)
  })
  default     = null
  description = <<-EOT
    Lock on the resource, or null.
    - `kind`: CanNotDelete or ReadOnly. ReadOnly also stops reading keys and starting jobs; CanNotDelete is what production wants.
    - `name`: name of the lock; default lock-<kind>.
  EOT

  validation {
    condition     = var.lock == null ? true : contains(["CanNotDelete", "ReadOnly"], var.lock.kind)
    error_message = "lock.kind must be CanNotDelete or ReadOnly. Leave lock out for none."
  }
}

variable "role_assignments" {
  type = map(object({
    role_definition_id_or_name = string
    principal_id               = string
    principal_type             = optional(string)
    description                = optional(string)
  }))
  default     = {}
  nullable    = false
  description = <<-EOT
    Roles on the resource. The key is arbitrary and must be known before the apply.
    - `role_definition_id_or_name`: name of a built-in role, or the resource id of a role definition.
    - `principal_id`: object id of the group, identity or application.
    - `principal_type`: User, Group or ServicePrincipal. Set it for an identity that is made in the same apply.
    - `description`: why.
  EOT

  validation {
    condition     = alltrue([for one in var.role_assignments : one.principal_type == null ? true : contains(["User", "Group", "ServicePrincipal"], one.principal_type)])
    error_message = "principal_type of a role assignment must be User, Group or ServicePrincipal (an identity is a ServicePrincipal), or be left out."
  }

  validation {
    condition     = alltrue([for one in var.role_assignments : !contains(["Owner", "User Access Administrator"], one.role_definition_id_or_name)])
    error_message = "Owner and User Access Administrator are not given on single resources. Name the narrowest role that does the work, such as \"IoT Hub Data Reader\"."
  }
}

variable "diagnostic_settings" {
  type = map(object({
    name                                     = optional(string)
    log_categories                           = optional(set(string), [])
    log_groups                               = optional(set(string), ["allLogs"])
    metric_categories                        = optional(set(string), ["AllMetrics"])
    log_analytics_destination_type           = optional(string, "Dedicated")
    workspace_resource_id                    = optional(string)
    storage_account_resource_id              = optional(string)
    event_hub_authorization_rule_resource_id = optional(string)
    event_hub_name                           = optional(string)
  }))
  default     = {}
  nullable    = false
  description = <<-EOT
    Diagnostic settings of the resource; the fields are those of the diagnostics module. The key is arbitrary.
    - `name`: default diag-<key>.
    - `log_categories`, `log_groups`: what is logged. Azure takes one or the other: a category group, or single categories.
    - `metric_categories`: which metrics are exported; [] for none.
    - `log_analytics_destination_type`: Dedicated (a table for each kind) or AzureDiagnostics.
    - `workspace_resource_id`, `storage_account_resource_id`, `event_hub_authorization_rule_resource_id` with `event_hub_name`: where to. At least one.
  EOT

  validation {
    condition = alltrue([for one in var.diagnostic_settings :
      one.workspace_resource_id != null || one.storage_account_resource_id != null || one.event_hub_authorization_rule_resource_id != null
    ])
    error_message = "A diagnostic setting needs somewhere to write to: set workspace_resource_id, storage_account_resource_id or event_hub_authorization_rule_resource_id."
  }
}
