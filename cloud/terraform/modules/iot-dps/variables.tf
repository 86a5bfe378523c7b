variable "name" {
  type        = string
  nullable    = false
  description = "Name of the provisioning service, unique in all of Azure: names.dps of the naming module."

  validation {
    condition     = can(regex("^provs-[a-z0-9-]{1,57}[a-z0-9]$", var.name))
    error_message = "name must be provs- and then 2 to 58 lower-case letters, digits and dashes, not ending with a dash: take names.dps of the naming module."
  }
}

variable "resource_group_resource_id" {
  type        = string
  nullable    = false
  description = "Resource id of the resource group: azapi wants the id beside the name."

  validation {
    condition     = can(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+$", var.resource_group_resource_id))
    error_message = "resource_group_resource_id must be /subscriptions/<id>/resourceGroups/<name>, with resourceGroups spelled like that."
  }
}

variable "link_identity" {
  type = object({
    resource_id  = string
    principal_id = string
  })
  nullable    = false
  description = <<-EOT
    User-assigned identity with which the service registers devices at the linked hubs. It gets its right on each hub here,
    before the link is made; that is why it is not the service's own identity, which exists too late.
    - `resource_id`, `principal_id`: of the identity.
  EOT

  validation {
    condition     = can(regex("/userAssignedIdentities/[^/]+$", var.link_identity.resource_id))
    error_message = "link_identity.resource_id must be the whole resource id of a user-assigned identity, ending with /userAssignedIdentities/<name>."
  }
}

variable "linked_hubs" {
  type = map(object({
    resource_id       = string
    hostname          = string
    location          = string
    allocation_weight = optional(number, 1)
  }))
  nullable    = false
  description = <<-EOT
    Hubs that devices are assigned to, by arbitrary key.
    - `resource_id`, `hostname`, `location`: of the hub.
    - `allocation_weight`: share of the devices, with the policy Weighted.
  EOT

  validation {
    condition     = length(var.linked_hubs) > 0
    error_message = "linked_hubs must name at least one hub: without one no device can be provisioned."
  }

  validation {
    condition     = alltrue([for hub in var.linked_hubs : can(regex("^[a-z0-9-]+\\.azure-devices\\.net$", hub.hostname))])
    error_message = "hostname of a linked hub must be <hub>.azure-devices.net. A connection string (HostName=…;SharedAccessKey=…) is not taken: the hub has no keys."
  }
}

variable "allocation_policy" {
  type        = string
  nullable    = false
  default     = "Hashed"
  description = "How devices are spread over the hubs: Hashed, GeoLatency or Static."

  validation {
    condition     = contains(["Hashed", "GeoLatency", "Static"], var.allocation_policy)
    error_message = "allocation_policy must be Hashed, GeoLatency or Static. A function of your own does not work behind a private endpoint."
  }
}

variable "data_residency_enabled" {
  type        = bool
  nullable    = false
  default     = true
  description = "Keep registrations in the region; there is no failover to the paired one then. Fixed when the service is made."
}

variable "certificates" {
  type = map(object({
    content  = string
    verified = optional(bool, true)
  }))
  default     = {}
  nullable    = false
  description = <<-EOT
    Root or intermediate certificates that device certificates are checked against, by name.
    - `content`: the certificate in PEM or base64. Never a private key.
    - `verified`: skips the proof of possession; right for an authority of your own.
  EOT

  validation {
    condition     = alltrue([for one in var.certificates : !strcontains(one.content, "PRIVATE KEY")])
    error_message = "A certificate's content holds a private key. Remove the key: the state of Terraform is no place for it, and the service needs the certificate alone."
  }
}
