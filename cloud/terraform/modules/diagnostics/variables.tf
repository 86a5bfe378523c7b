variable "target_resource_id" {
  type        = string
  nullable    = false
  description = "Resource id of what is observed. For a storage account's blobs add /blobServices/default."
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
    Diagnostic settings. The key is arbitrary.
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

  validation {
    condition     = alltrue([for one in var.diagnostic_settings : length(one.log_categories) == 0 || length(one.log_groups) == 0])
    error_message = "Azure refuses category groups beside single categories. With log_categories set log_groups = []."
  }

  validation {
    condition     = alltrue([for one in var.diagnostic_settings : length(one.log_categories) + length(one.log_groups) + length(one.metric_categories) > 0])
    error_message = "A diagnostic setting that observes nothing is refused by Azure. Name log_groups, log_categories or metric_categories, or leave the setting out."
  }

  validation {
    condition     = alltrue([for one in var.diagnostic_settings : contains(["Dedicated", "AzureDiagnostics"], one.log_analytics_destination_type)])
    error_message = "log_analytics_destination_type must be Dedicated or AzureDiagnostics."
  }

  validation {
    condition     = alltrue([for one in var.diagnostic_settings : one.event_hub_name == null || one.event_hub_authorization_rule_resource_id != null])
    error_message = "event_hub_name needs event_hub_authorization_rule_resource_id beside it."
  }
}
