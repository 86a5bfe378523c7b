# Readings: IoT hub → event hub → Azure Data Explorer, compressed all the way. Every message as it came → lake. What
# happens to devices → audit.

module "lake" {
  source = "../../modules/data-lake"

  name                = module.naming.names.data_lake
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
  replication         = var.lake.replication
  lock                = local.lock
  diagnostic_settings = local.diagnostics

  containers = merge(
    { raw = { cool_after_days = var.lake.raw_cool_days, delete_after_days = var.lake.raw_delete_days } },
    { for name in var.lake.extra_containers : name => {} },
  )

  role_assignments = {
    engineers = {
      role_definition_id_or_name = "Storage Blob Data Reader"
      principal_id               = var.groups.engineers
      principal_type             = "Group"
      description                = "Raw messages, for looking into what a table does not show"
    }
  }

  private_endpoints = {
    dfs = {
      subnet_resource_id            = local.endpoint_subnet
      private_dns_zone_resource_ids = [local.zone["privatelink.dfs.core.windows.net"]]
    }
    blob = {
      subresource_name              = "blob"
      subnet_resource_id            = local.endpoint_subnet
      private_dns_zone_resource_ids = [local.zone["privatelink.blob.core.windows.net"]]
    }
  }
}

module "event_hubs" {
  source = "../../modules/event-hubs"

  name                        = module.naming.names.event_hub_namespace
  resource_group_name         = azurerm_resource_group.this.name
  location                    = var.location
  tags                        = local.tags
  capacity                    = var.event_hubs.capacity
  maximum_capacity            = var.event_hubs.maximum_capacity
  allowed_subnet_resource_ids = [local.endpoint_subnet]
  lock                        = local.lock
  diagnostic_settings         = local.diagnostics

  event_hubs = {
    rows    = { partition_count = var.event_hubs.partition_count, consumer_groups = ["adx"] }
    columns = { partition_count = var.event_hubs.partition_count, consumer_groups = ["adx"] }
    audit   = { partition_count = 1, consumer_groups = ["security"] }
  }

  private_endpoints = {
    namespace = {
      subnet_resource_id            = local.endpoint_subnet
      private_dns_zone_resource_ids = [local.zone["privatelink.servicebus.windows.net"]]
    }
  }
}

module "adx" {
  source = "../../modules/adx"

  name                            = module.naming.names.adx_cluster
  resource_group_name             = azurerm_resource_group.this.name
  location                        = var.location
  tags                            = local.tags
  sku                             = { name = var.adx.sku, capacity = var.adx.capacity }
  zones                           = var.adx.zones
  public_access_allowed_ip_ranges = var.completeness_alert == null ? [] : var.completeness_alert.allowed_ip_ranges
  lock                            = local.lock
  diagnostic_settings             = local.diagnostics

  databases = {
    (local.database) = {
      hot_cache_days   = var.adx.hot_cache_days
      soft_delete_days = var.adx.soft_delete_days
      script           = local.kusto_script
    }
  }

  event_hub_connections = {
    rows = {
      database              = local.database
      table                 = "Rows"
      mapping               = "rows"
      data_format           = "JSON"
      compression           = var.adx.compression
      event_hub_resource_id = module.event_hubs.event_hubs["rows"].resource_id
      consumer_group        = module.event_hubs.consumer_groups["rows-adx"]
    }
    columns = {
      database              = local.database
      table                 = "Columns"
      mapping               = "columns"
      data_format           = "MULTIJSON"
      compression           = var.adx.compression
      event_hub_resource_id = module.event_hubs.event_hubs["columns"].resource_id
      consumer_group        = module.event_hubs.consumer_groups["columns-adx"]
    }
  }

  database_roles = merge(
    {
      engineers = {
        database       = local.database
        role           = "Viewer"
        principal_id   = var.groups.engineers
        principal_type = "Group"
        tenant_id      = var.tenant_id
      }
    },
    { for key, one in azurerm_user_assigned_identity.completeness : "completeness" => {
      database       = local.database
      role           = "Viewer"
      principal_id   = one.principal_id
      principal_type = "App"
      tenant_id      = var.tenant_id
    } },
  )

  private_endpoints = {
    cluster = {
      subnet_resource_id = local.endpoint_subnet
      # the cluster's own zone, and those of the storage behind it that ingestion by clients uses
      private_dns_zone_resource_ids = [
        local.zone["privatelink.${var.location}.kusto.windows.net"],
        local.zone["privatelink.blob.core.windows.net"],
        local.zone["privatelink.queue.core.windows.net"],
        local.zone["privatelink.table.core.windows.net"],
      ]
    }
  }
}

module "iot_hub" {
  source = "../../modules/iot-hub"

  name                = module.naming.names.iot_hub
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
  sku                 = { name = var.iot_hub.sku, capacity = var.iot_hub.capacity }
  lock                = local.lock
  diagnostic_settings = local.diagnostics

  event_hub_endpoints = { for name in ["rows", "columns", "audit"] : name => {
    endpoint_uri          = module.event_hubs.endpoint_uri
    event_hub_name        = name
    event_hub_resource_id = module.event_hubs.event_hubs[name].resource_id
  } }

  storage_endpoints = {
    raw = {
      endpoint_uri          = module.lake.blob_endpoint
      container_name        = "raw"
      container_resource_id = module.lake.containers["raw"].resource_id
      encoding              = "Avro"
    }
  }

  # over properties alone: bodies are compressed
  routes = {
    telemetry-rows    = { source = "DeviceMessages", endpoint = "rows", condition = "format = 'rows'" }
    telemetry-columns = { source = "DeviceMessages", endpoint = "columns", condition = "format = 'columns'" }
    raw               = { source = "DeviceMessages", endpoint = "raw" }
    twin              = { source = "TwinChangeEvents", endpoint = "audit" }
    lifecycle         = { source = "DeviceLifecycleEvents", endpoint = "audit" }
    connection        = { source = "DeviceConnectionStateEvents", endpoint = "audit" }
  }

  enrichments = {
    ring = { value = "$twin.tags.ring", endpoints = ["raw"] }
    hub  = { value = "$iothubname", endpoints = ["raw", "audit"] }
  }

  role_assignments = {
    fleet = {
      role_definition_id_or_name = "IoT Hub Data Contributor"
      principal_id               = var.groups.fleet
      principal_type             = var.groups.fleet_type
      description                = "Deployments and twins, from the runner inside the network"
    }
    operators = {
      role_definition_id_or_name = "IoT Hub Data Reader"
      principal_id               = var.groups.operators
      principal_type             = "Group"
      description                = "Looks at devices and twins"
    }
  }

  private_endpoints = {
    hub = {
      subnet_resource_id = local.endpoint_subnet
      # both zones here: the policy that writes zone groups forgets that of the built-in endpoint
      private_dns_zone_resource_ids = [
        local.zone["privatelink.azure-devices.net"],
        local.zone["privatelink.servicebus.windows.net"],
      ]
    }
  }
}

resource "azurerm_user_assigned_identity" "provisioning" {
  name                = "${module.naming.names.managed_identity}-dps"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
}

module "iot_dps" {
  source = "../../modules/iot-dps"

  name                       = module.naming.names.dps
  resource_group_name        = azurerm_resource_group.this.name
  resource_group_resource_id = azurerm_resource_group.this.id
  location                   = var.location
  tags                       = local.tags
  lock                       = local.lock
  diagnostic_settings        = local.diagnostics

  link_identity = {
    resource_id  = azurerm_user_assigned_identity.provisioning.id
    principal_id = azurerm_user_assigned_identity.provisioning.principal_id
  }

  linked_hubs = {
    main = {
      resource_id = module.iot_hub.resource_id
      hostname    = module.iot_hub.hostname
      location    = var.location
    }
  }

  certificates = { for name, content in var.device_root_certificates : name => { content = content } }

  role_assignments = {
    fleet = {
      role_definition_id_or_name = "Device Provisioning Service Data Contributor"
      principal_id               = var.groups.fleet
      principal_type             = var.groups.fleet_type
      description                = "Enrolment groups, from the runner inside the network"
    }
  }

  private_endpoints = {
    dps = {
      subnet_resource_id            = local.endpoint_subnet
      private_dns_zone_resource_ids = [local.zone["privatelink.azure-devices-provisioning.net"]]
    }
  }
}
