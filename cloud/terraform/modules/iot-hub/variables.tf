variable "name" {
  type        = string
  nullable    = false
  description = "Name of the IoT hub, unique in all of Azure: names.iot_hub of the naming module."

  validation {
    condition     = can(regex("^iot-[a-z0-9-]{2,45}[a-z0-9]$", var.name))
    error_message = "name must be iot- and then 3 to 46 lower-case letters, digits and dashes, not ending with a dash: take names.iot_hub of the naming module."
  }
}

variable "sku" {
  type = object({
    name     = string
    capacity = number
  })
  nullable    = false
  description = <<-EOT
    Tier and units. `fieldgate cost` computes what a rate of readings needs.
    - `name`: S1 (400,000 messages of 4 kB a day and unit), S2 (6,000,000) or S3 (300,000,000).
    - `capacity`: units; 1 to 200, of S3 1 to 10.
  EOT

  validation {
    condition     = contains(["S1", "S2", "S3"], var.sku.name)
    error_message = "sku.name must be S1, S2 or S3. The basic tiers know neither device twins' desired properties nor IoT Edge, and the free tier takes 8,000 messages a day."
  }

  validation {
    condition     = var.sku.capacity >= 1 && var.sku.capacity <= (var.sku.name == "S3" ? 10 : 200) && floor(var.sku.capacity) == var.sku.capacity
    error_message = "sku.capacity must be a whole number of units: 1 to 200 of S1 and S2, 1 to 10 of S3. Beyond that take the next tier, or ask Azure support."
  }
}

variable "partition_count" {
  type        = number
  nullable    = false
  default     = 4
  description = "Partitions of the built-in endpoint. Fixed for the life of the hub."

  validation {
    condition     = var.partition_count >= 2 && var.partition_count <= 32 && floor(var.partition_count) == var.partition_count
    error_message = "partition_count must be a whole number from 2 to 32. It cannot be changed later without a new hub, so leave room."
  }
}

variable "retention_in_days" {
  type        = number
  nullable    = false
  default     = 7
  description = "Days that the built-in endpoint keeps what the fallback route sends it."

  validation {
    condition     = var.retention_in_days >= 1 && var.retention_in_days <= 7 && floor(var.retention_in_days) == var.retention_in_days
    error_message = "retention_in_days must be a whole number from 1 to 7."
  }
}

variable "event_hub_endpoints" {
  type = map(object({
    endpoint_uri          = string
    event_hub_name        = string
    event_hub_resource_id = string
  }))
  default     = {}
  nullable    = false
  description = <<-EOT
    Event hubs that routes may lead to, by the name of the endpoint. The hub's own identity gets the right to send.
    - `endpoint_uri`: sb://<namespace>.servicebus.windows.net.
    - `event_hub_name`, `event_hub_resource_id`: the event hub.
  EOT

  validation {
    condition     = alltrue([for name in keys(var.event_hub_endpoints) : can(regex("^[A-Za-z0-9._-]{1,64}$", name)) && !contains(["events", "operationsMonitoringEvents", "fileNotifications", "$default"], name)])
    error_message = "An endpoint's name (the key) must be 1 to 64 letters, digits, dots, dashes and underscores, and none of Azure's own: events, operationsMonitoringEvents, fileNotifications, $default."
  }

  validation {
    condition     = alltrue([for one in var.event_hub_endpoints : can(regex("^sb://[a-z0-9-]+\\.servicebus\\.windows\\.net/?$", one.endpoint_uri))])
    error_message = "endpoint_uri of an event hub must be sb://<namespace>.servicebus.windows.net. A connection string is not taken: the hub sends with its identity."
  }
}

variable "storage_endpoints" {
  type = map(object({
    endpoint_uri                = string
    container_name              = string
    container_resource_id       = string
    encoding                    = optional(string, "Avro")
    file_name_format            = optional(string, "{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}")
    batch_frequency_in_seconds  = optional(number, 300)
    max_chunk_size_in_megabytes = optional(number, 300)
  }))
  default     = {}
  nullable    = false
  description = <<-EOT
    Containers that routes may lead to, by the name of the endpoint. The hub's own identity gets the right to write.
    - `endpoint_uri`: https://<account>.blob.core.windows.net/.
    - `container_name`, `container_resource_id`: the container.
    - `encoding`: Avro keeps the body's bytes and the properties; JSON turns a compressed body into base64.
    - `file_name_format`: all of {iothub} {partition} {YYYY} {MM} {DD} {HH} {mm}, in an order of yours.
    - `batch_frequency_in_seconds`, `max_chunk_size_in_megabytes`: a file is written when the first of them is reached.
  EOT

  validation {
    condition     = alltrue([for name in keys(var.storage_endpoints) : can(regex("^[A-Za-z0-9._-]{1,64}$", name)) && !contains(["events", "operationsMonitoringEvents", "fileNotifications", "$default"], name)])
    error_message = "An endpoint's name (the key) must be 1 to 64 letters, digits, dots, dashes and underscores, and none of Azure's own: events, operationsMonitoringEvents, fileNotifications, $default."
  }

  validation {
    condition     = alltrue([for one in var.storage_endpoints : can(regex("^https://[a-z0-9]+\\.blob\\.core\\.windows\\.net/?$", one.endpoint_uri))])
    error_message = "endpoint_uri of a container must be https://<account>.blob.core.windows.net/, the blob endpoint also of a data lake."
  }

  validation {
    condition     = alltrue([for one in var.storage_endpoints : contains(["Avro", "AvroDeflate", "JSON"], one.encoding)])
    error_message = "encoding must be Avro, AvroDeflate or JSON. Avro is right for bodies that the gateway has compressed."
  }

  validation {
    condition     = alltrue([for one in var.storage_endpoints : alltrue([for part in ["{iothub}", "{partition}", "{YYYY}", "{MM}", "{DD}", "{HH}", "{mm}"] : strcontains(one.file_name_format, part)])])
    error_message = "file_name_format must hold all of {iothub} {partition} {YYYY} {MM} {DD} {HH} {mm}; Azure refuses one without."
  }

  validation {
    condition     = alltrue([for one in var.storage_endpoints : one.batch_frequency_in_seconds >= 60 && one.batch_frequency_in_seconds <= 720 && one.max_chunk_size_in_megabytes >= 10 && one.max_chunk_size_in_megabytes <= 500])
    error_message = "batch_frequency_in_seconds must be 60 to 720 and max_chunk_size_in_megabytes 10 to 500."
  }
}

variable "routes" {
  type = map(object({
    source    = string
    endpoint  = string
    condition = optional(string, "true")
    enabled   = optional(bool, true)
  }))
  default     = {}
  nullable    = false
  description = <<-EOT
    Routes by name. A message takes every route whose condition it meets; one that meets none takes the fallback route
    to the built-in endpoint, which is always on.
    - `source`: DeviceMessages, TwinChangeEvents, DeviceLifecycleEvents, DeviceJobLifecycleEvents, DeviceConnectionStateEvents.
    - `endpoint`: key of event_hub_endpoints or storage_endpoints, or events for the built-in endpoint.
    - `condition`: over message properties, such as format = 'rows'. Not over $body: the gateway sends it compressed.
    - `enabled`: default true.
  EOT

  validation {
    condition     = alltrue([for one in var.routes : contains(["DeviceMessages", "TwinChangeEvents", "DeviceLifecycleEvents", "DeviceJobLifecycleEvents", "DeviceConnectionStateEvents", "DigitalTwinChangeEvents"], one.source)])
    error_message = "source of a route must be DeviceMessages, TwinChangeEvents, DeviceLifecycleEvents, DeviceJobLifecycleEvents, DeviceConnectionStateEvents or DigitalTwinChangeEvents."
  }

  validation {
    condition     = alltrue([for one in var.routes : !strcontains(one.condition, "$body")])
    error_message = "A route's condition cannot read $body: the gateway sends bodies compressed, and the route would match nothing. Use message properties: site, gateway, stream, format."
  }
}

variable "enrichments" {
  type = map(object({
    value     = string
    endpoints = set(string)
  }))
  default     = {}
  nullable    = false
  description = <<-EOT
    Properties that the hub adds to messages, by key.
    - `value`: text, or $twin.tags.<name>, or $iothubname.
    - `endpoints`: the endpoints whose messages get it.
  EOT

  validation {
    condition     = length(var.enrichments) <= 10
    error_message = "An IoT hub takes at most 10 enrichments. Put what is constant into the consumer instead."
  }

  validation {
    condition     = length(setintersection(keys(var.enrichments), ["site", "gateway", "stream", "epoch", "seqFirst", "seqLast", "count", "format"])) == 0
    error_message = "An enrichment must not replace a property that the gateway sends: site, gateway, stream, epoch, seqFirst, seqLast, count, format. Choose another key."
  }
}

variable "consumer_groups" {
  type        = set(string)
  default     = []
  nullable    = false
  description = "Consumer groups of the built-in endpoint, one for each consumer."

  validation {
    condition     = alltrue([for name in var.consumer_groups : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$", name))])
    error_message = "A consumer group needs a name of 1 to 50 letters, digits, dots, dashes and underscores. $Default exists already and is for nobody: two consumers of one group take each other's messages."
  }
}
