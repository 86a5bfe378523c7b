variable "name" {
  type        = string
  nullable    = false
  description = "Name of the storage account, unique in all of Azure: names.data_lake of the naming module."

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.name))
    error_message = "name must be 3 to 24 lower-case letters and digits, without dashes: take names.data_lake of the naming module."
  }
}

variable "replication" {
  type        = string
  nullable    = false
  default     = "ZRS"
  description = "LRS, ZRS, GRS or GZRS."

  validation {
    condition     = contains(["LRS", "ZRS", "GRS", "GZRS"], var.replication)
    error_message = "replication must be LRS, ZRS, GRS or GZRS. The kinds with a readable second region (RA-) are not used: nothing reads there."
  }
}

variable "containers" {
  type = map(object({
    cool_after_days   = optional(number)
    delete_after_days = optional(number)
  }))
  nullable    = false
  description = <<-EOT
    Containers by name.
    - `cool_after_days`: when a file becomes cheap to keep and dear to read; null: never.
    - `delete_after_days`: when it is deleted; null: never.
  EOT

  validation {
    condition     = alltrue([for name in keys(var.containers) : can(regex("^[a-z0-9](-?[a-z0-9]){2,62}$", name))])
    error_message = "A container's name (the key) must be 3 to 63 lower-case letters, digits and single dashes, such as raw."
  }

  validation {
    condition     = alltrue([for one in var.containers : one.delete_after_days == null ? true : one.delete_after_days > coalesce(one.cool_after_days, 0)])
    error_message = "delete_after_days must be more than cool_after_days (and more than 0): raise it, or leave it out to keep the files."
  }
}

variable "soft_delete_days" {
  type        = number
  nullable    = false
  default     = 14
  description = "Days in which a deleted file or container can be had back."

  validation {
    condition     = var.soft_delete_days >= 7 && var.soft_delete_days <= 365 && floor(var.soft_delete_days) == var.soft_delete_days
    error_message = "soft_delete_days must be a whole number from 7 to 365: less than a week does not outlast a holiday."
  }
}
