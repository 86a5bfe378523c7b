# Interface of Azure Verified Modules. This file is the same in every module that has it.

variable "managed_identities" {
  type = object({
    system_assigned            = optional(bool, true)
    user_assigned_resource_ids = optional(set(string), [])
  })
  default     = {}
  nullable    = false
  description = <<-EOT
    Identities of the resource.
    - `system_assigned`: one that lives and dies with the resource; default true.
    - `user_assigned_resource_ids`: identities that exist by themselves.
  EOT

  validation {
    condition     = alltrue([for id in var.managed_identities.user_assigned_resource_ids : can(regex("/userAssignedIdentities/[^/]+$", id))])
    error_message = "user_assigned_resource_ids must be whole resource ids, ending with /userAssignedIdentities/<name>."
  }
}
