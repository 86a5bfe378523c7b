# Interface of Azure Verified Modules. This file is the same in every module that has it.

variable "private_endpoints" {
  type = map(object({
    subnet_resource_id            = string
    private_dns_zone_resource_ids = set(string)
    subresource_name              = optional(string)
    name                          = optional(string)
    network_interface_name        = optional(string)
    private_dns_zone_group_name   = optional(string, "default")
    resource_group_name           = optional(string)
    location                      = optional(string)
    tags                          = optional(map(string))
  }))
  default     = {}
  nullable    = false
  description = <<-EOT
    Private endpoints of the resource. The key is arbitrary and becomes part of the name.
    - `subnet_resource_id`: subnet of the endpoint, snet-pep of the spoke.
    - `private_dns_zone_resource_ids`: the zones in which Azure keeps the records; all that the subresource needs (see the private-endpoint module).
    - `subresource_name`: which part of the resource; default is the module's own.
    - `name`: default pep-<resource>-<key>. `network_interface_name`: default nic-<name>.
    - `private_dns_zone_group_name`: default `default`.
    - `resource_group_name`, `location`, `tags`: default those of the resource.
  EOT

  validation {
    condition     = alltrue([for one in var.private_endpoints : can(regex("/virtualNetworks/[^/]+/subnets/[^/]+$", one.subnet_resource_id))])
    error_message = "subnet_resource_id must be the whole resource id of a subnet, ending with /virtualNetworks/<network>/subnets/<subnet>. A name alone is not enough."
  }

  validation {
    condition     = alltrue([for one in var.private_endpoints : length(one.private_dns_zone_resource_ids) > 0])
    error_message = "private_dns_zone_resource_ids must name at least one zone. Without a zone group the name of the service still resolves to its public address."
  }
}
