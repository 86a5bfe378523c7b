variable "name" {
  type        = string
  nullable    = false
  description = "Name of the cluster, unique in its region: names.adx_cluster of the naming module."

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{3,21}$", var.name))
    error_message = "name must be 4 to 22 lower-case letters and digits, beginning with a letter, without dashes: take names.adx_cluster of the naming module."
  }
}

variable "sku" {
  type = object({
    name     = string
    capacity = number
  })
  nullable    = false
  description = <<-EOT
    Size of the cluster.
    - `name`: such as Standard_E2ads_v5, or Dev(No SLA)_Standard_E2a_v4 for one node without a promise.
    - `capacity`: nodes; 2 or more, of a Dev size exactly 1.
  EOT

  validation {
    condition     = can(regex("^(Dev\\(No SLA\\)_)?Standard_[A-Z][A-Za-z0-9+_]+$", var.sku.name))
    error_message = "sku.name must be a size of Azure Data Explorer, such as Standard_E2ads_v5 or Dev(No SLA)_Standard_E2a_v4."
  }

  validation {
    condition     = startswith(var.sku.name, "Dev") ? var.sku.capacity == 1 : var.sku.capacity >= 2 && var.sku.capacity <= 1000
    error_message = "sku.capacity must be 1 for a Dev size, and 2 or more for any other: one node alone has no promise of service."
  }
}

variable "zones" {
  type        = set(string)
  default     = ["1", "2", "3"]
  nullable    = false
  description = "Zones of the region that nodes are spread over; [] for none. Fixed when the cluster is made."

  validation {
    condition     = length(setsubtract(var.zones, ["1", "2", "3"])) == 0
    error_message = "zones must be some of \"1\", \"2\", \"3\"."
  }
}

variable "auto_stop_enabled" {
  type        = bool
  nullable    = false
  default     = false
  description = "Stop the cluster after days without use. Not where telemetry comes in: a stopped cluster takes none."
}

variable "streaming_ingestion_enabled" {
  type        = bool
  nullable    = false
  default     = true
  description = "Allow tables to take streams. Tables here take batches; the switch restarts the cluster, so it is on from the start."
}

variable "databases" {
  type = map(object({
    hot_cache_days   = optional(number, 31)
    soft_delete_days = optional(number, 1827)
    script           = optional(string)
  }))
  nullable    = false
  description = <<-EOT
    Databases by name.
    - `hot_cache_days`: how much of it is kept on the nodes' disks.
    - `soft_delete_days`: how long data is kept at all; default five years.
    - `script`: commands that are run when they change: tables, mappings, functions, policies. Each must bear being run again.
  EOT

  validation {
    condition     = alltrue([for name in keys(var.databases) : can(regex("^[A-Za-z0-9][A-Za-z0-9 ._-]{0,259}$", name))])
    error_message = "A database's name (the key) must be 1 to 260 letters, digits, spaces, dots, dashes and underscores."
  }

  validation {
    condition     = alltrue([for one in var.databases : one.hot_cache_days >= 1 && one.soft_delete_days >= one.hot_cache_days])
    error_message = "hot_cache_days must be 1 or more, and soft_delete_days not below it: what is gone cannot be hot."
  }

  validation {
    condition     = alltrue([for one in var.databases : one.script == null ? true : !can(regex("(?m)^\\.(drop|purge|delete)\\b", one.script))])
    error_message = "A script must not drop, purge or delete: it is run at every change. Do that once, by hand."
  }
}

variable "event_hub_connections" {
  type = map(object({
    database              = string
    table                 = string
    mapping               = string
    event_hub_resource_id = string
    consumer_group        = string
    data_format           = optional(string, "MULTIJSON")
    compression           = optional(string, "GZip")
  }))
  default     = {}
  nullable    = false
  description = <<-EOT
    What is read from event hubs, by name. The cluster's identity gets the right to receive.
    - `database`, `table`, `mapping`: where it goes. The table and its mapping come with the database's script.
    - `event_hub_resource_id`, `consumer_group`: where it comes from; a group of its own.
    - `data_format`: JSON (one object a line), MULTIJSON (objects anyhow).
    - `compression`: GZip or None, for all messages of the event hub: it cannot be mixed.
  EOT

  validation {
    condition     = alltrue([for one in var.event_hub_connections : contains(["JSON", "MULTIJSON"], one.data_format)])
    error_message = "data_format must be JSON (rows: one object a line) or MULTIJSON (columns)."
  }

  validation {
    condition     = alltrue([for one in var.event_hub_connections : contains(["GZip", "None"], one.compression)])
    error_message = "compression must be GZip or None, as the gateways' mapping says in hub.compression: gzip is GZip here."
  }

  validation {
    condition     = alltrue([for one in var.event_hub_connections : one.consumer_group != "$Default"])
    error_message = "consumer_group must not be $Default: a second reader would take messages away. Make a group for the cluster."
  }
}

variable "database_roles" {
  type = map(object({
    database       = string
    role           = string
    principal_id   = string
    principal_type = string
    tenant_id      = string
  }))
  default     = {}
  nullable    = false
  description = <<-EOT
    Who may do what in a database. The key is arbitrary.
    - `database`: its name. `role`: Viewer, User, Ingestor, Monitor, UnrestrictedViewer or Admin.
    - `principal_id`, `principal_type` (App, Group, User), `tenant_id`: who.
  EOT

  validation {
    condition     = alltrue([for one in var.database_roles : contains(["Viewer", "User", "Ingestor", "Monitor", "UnrestrictedViewer", "Admin"], one.role)])
    error_message = "role must be Viewer, User, Ingestor, Monitor, UnrestrictedViewer or Admin."
  }

  validation {
    condition     = alltrue([for one in var.database_roles : contains(["App", "Group", "User"], one.principal_type)])
    error_message = "principal_type must be App (also for identities), Group or User."
  }
}

variable "public_access_allowed_ip_ranges" {
  type        = set(string)
  default     = []
  nullable    = false
  description = "Ranges or service tags that may ask the cluster by its public side; [] switches that side off. For Azure Monitor alone, which has no private way to a cluster."

  validation {
    condition     = alltrue([for range in var.public_access_allowed_ip_ranges : !contains(["*", "0.0.0.0/0", "Internet", "AzureCloud"], range)])
    error_message = "public_access_allowed_ip_ranges must not hold everybody (*, 0.0.0.0/0, Internet, AzureCloud). Name the ranges or the service tag that needs it, such as AzureMonitor."
  }
}
