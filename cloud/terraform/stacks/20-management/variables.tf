variable "subscription_id" {
  type        = string
  nullable    = false
  description = "Subscription of the management zone."

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
    error_message = "owner must be an e-mail address that somebody reads, such as platform@refinery.example."
  }
}

variable "retention_in_days" {
  type        = number
  nullable    = false
  default     = 90
  description = "Days that logs are kept in the workspace."
}

variable "action_groups" {
  type = map(object({
    short_name   = string
    emails       = optional(map(string), {})
    webhooks     = optional(map(string), {})
    arm_role_ids = optional(map(string), {})
  }))
  nullable    = false
  description = <<-EOT
    Who hears of what, by key: the stacks expect `operations` (telemetry stops, is throttled or lost), `platform`
    (network, keys, quotas) and `cost` (budgets).
    - `short_name`: at most 12 characters; stands in text messages.
    - `emails`: address by name. `webhooks`: address of a ticket system by name. `arm_role_ids`: everybody with an Azure role, by name.
  EOT

  validation {
    condition     = alltrue([for key in ["operations", "platform", "cost"] : contains(keys(var.action_groups), key)])
    error_message = "action_groups must have operations, platform and cost: the alerts and budgets of other stacks go to them."
  }

  validation {
    condition     = alltrue([for one in var.action_groups : length(one.short_name) >= 1 && length(one.short_name) <= 12])
    error_message = "short_name of an action group must have 1 to 12 characters."
  }

  validation {
    condition     = alltrue([for one in var.action_groups : length(one.emails) + length(one.webhooks) + length(one.arm_role_ids) > 0])
    error_message = "An action group must tell somebody: give emails, webhooks or arm_role_ids."
  }
}
