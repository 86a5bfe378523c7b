variable "name" {
  type        = string
  nullable    = false
  description = "Name of the budget: names.budget of the naming module."

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,63}$", var.name))
    error_message = "name must be at most 63 letters, digits, dashes and underscores: take names.budget of the naming module."
  }
}

variable "resource_group_resource_id" {
  type        = string
  nullable    = false
  description = "Resource group whose costs are watched."

  validation {
    condition     = can(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+$", var.resource_group_resource_id))
    error_message = "resource_group_resource_id must be /subscriptions/<id>/resourceGroups/<name>."
  }
}

variable "amount" {
  type        = number
  nullable    = false
  description = "Budget of a month in the currency of the subscription. `fieldgate cost` gives the part that grows with readings."

  validation {
    condition     = var.amount > 0
    error_message = "amount must be more than 0, in the currency of the subscription."
  }
}

variable "start_date" {
  type        = string
  nullable    = false
  description = "First day of the budget, the first of a month: 2026-12-01T00:00:00Z."

  validation {
    condition     = can(regex("^20[0-9]{2}-(0[1-9]|1[0-2])-01T00:00:00Z$", var.start_date))
    error_message = "start_date must be the first of a month at midnight UTC, such as 2026-12-01T00:00:00Z. It is fixed: a date computed from today would change the budget at every plan."
  }
}

variable "notifications" {
  type = map(object({
    threshold      = number
    threshold_type = optional(string, "Actual")
  }))
  default = {
    half     = { threshold = 50 }
    most     = { threshold = 80 }
    all      = { threshold = 100 }
    forecast = { threshold = 100, threshold_type = "Forecasted" }
  }
  nullable    = false
  description = <<-EOT
    When somebody hears of it, by arbitrary key.
    - `threshold`: percent of the amount. `threshold_type`: Actual (spent) or Forecasted (will be spent by the month's end).
  EOT

  validation {
    condition     = length(var.notifications) >= 1 && length(var.notifications) <= 5
    error_message = "notifications must be 1 to 5: Azure takes no more, and a budget that tells nobody is none."
  }

  validation {
    condition     = alltrue([for one in var.notifications : one.threshold > 0 && one.threshold <= 1000 && contains(["Actual", "Forecasted"], one.threshold_type)])
    error_message = "threshold must be a percentage above 0 and at most 1000, threshold_type Actual or Forecasted."
  }
}

variable "action_group_resource_ids" {
  type        = set(string)
  nullable    = false
  description = "Action groups that are told."

  validation {
    condition     = length(var.action_group_resource_ids) > 0
    error_message = "action_group_resource_ids must name at least one action group, such as that of stacks/20-management for costs."
  }
}
