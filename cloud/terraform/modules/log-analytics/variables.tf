variable "name" {
  type        = string
  nullable    = false
  description = "Name of the workspace: names.log_analytics of the naming module."

  validation {
    condition     = can(regex("^log-[a-z0-9-]{1,58}[a-z0-9]$", var.name))
    error_message = "name must be log- and then at most 59 lower-case letters, digits and dashes, not ending with a dash: take names.log_analytics of the naming module."
  }
}

variable "retention_in_days" {
  type        = number
  nullable    = false
  default     = 90
  description = "Days that logs are kept and can be asked."

  validation {
    condition     = var.retention_in_days >= 30 && var.retention_in_days <= 730 && floor(var.retention_in_days) == var.retention_in_days
    error_message = "retention_in_days must be a whole number from 30 to 730. Keep logs longer in a storage account, by a second diagnostic setting."
  }
}

variable "daily_quota_gb" {
  type        = number
  default     = null
  description = "Gigabytes a day after which nothing more is taken; null: no limit. A limit blinds every alert for the rest of the day."

  validation {
    condition     = var.daily_quota_gb == null ? true : var.daily_quota_gb >= 1
    error_message = "daily_quota_gb must be 1 or more, or be left out for no limit."
  }
}

variable "internet_ingestion_enabled" {
  type        = bool
  nullable    = false
  default     = true
  description = "Take logs from outside of a private link scope. Diagnostic settings of Azure do not need it; agents do, until there is such a scope."
}

variable "internet_query_enabled" {
  type        = bool
  nullable    = false
  default     = true
  description = "Answer queries, with an identity, from outside of a private link scope: the portal and alerts' links."
}
