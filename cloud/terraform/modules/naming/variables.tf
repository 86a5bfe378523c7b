variable "organisation" {
  type        = string
  nullable    = false
  description = "Short name of the organisation or site. It makes names unique that are unique in all of Azure."

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,3}$", var.organisation))
    error_message = "organisation must be 2 to 4 lower-case letters or digits and begin with a letter, such as lav. It stands in every name, and a key vault has room for 24 characters in all."
  }
}

variable "workload" {
  type        = string
  nullable    = false
  description = "Zone or workload: conn, mgmt, iden, devo, data, app."

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,5}$", var.workload))
    error_message = "workload must be 2 to 6 lower-case letters or digits and begin with a letter, such as data. Shorten it: conn for connectivity."
  }
}

variable "environment" {
  type        = string
  nullable    = false
  description = "platform (shared by all), prod, preprod or sandbox."

  validation {
    condition     = contains(["platform", "prod", "preprod", "sandbox"], var.environment)
    error_message = "environment must be platform, prod, preprod or sandbox. A new environment needs a code in modules/naming/locals.tf."
  }
}

variable "location" {
  type        = string
  nullable    = false
  description = "Azure region in its short form, such as francecentral."

  validation {
    condition     = contains(["francecentral", "francesouth", "westeurope", "northeurope", "germanywestcentral"], var.location)
    error_message = "location must be francecentral, francesouth, westeurope, northeurope or germanywestcentral. Another region needs a code in modules/naming/locals.tf."
  }
}

variable "instance" {
  type        = number
  nullable    = false
  default     = 1
  description = "Number of the instance, 1 to 999, written with three digits."

  validation {
    condition     = var.instance >= 1 && var.instance <= 999 && floor(var.instance) == var.instance
    error_message = "instance must be a whole number from 1 to 999."
  }
}
