variable "name" {
  type        = string
  nullable    = false
  description = "Name of the vault, unique in all of Azure: names.key_vault of the naming module."

  validation {
    condition     = can(regex("^kv-[a-z0-9-]{1,20}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must be kv- and then at most 21 lower-case letters, digits and single dashes, not ending with a dash: take names.key_vault of the naming module."
  }
}

variable "tenant_id" {
  type        = string
  nullable    = false
  description = "Tenant whose identities may have roles on the vault."

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.tenant_id))
    error_message = "tenant_id must be the id of the tenant: 32 lower-case hexadecimal digits in five groups."
  }
}

variable "sku" {
  type        = string
  nullable    = false
  default     = "standard"
  description = "standard, or premium for keys in hardware."

  validation {
    condition     = contains(["standard", "premium"], var.sku)
    error_message = "sku must be standard or premium, in lower case."
  }
}

variable "soft_delete_days" {
  type        = number
  nullable    = false
  default     = 90
  description = "Days in which a deleted vault or secret can be had back. Fixed when the vault is made."

  validation {
    condition     = var.soft_delete_days >= 7 && var.soft_delete_days <= 90 && floor(var.soft_delete_days) == var.soft_delete_days
    error_message = "soft_delete_days must be a whole number from 7 to 90."
  }
}
