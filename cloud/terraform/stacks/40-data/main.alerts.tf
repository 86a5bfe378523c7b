# What somebody must hear of. Metrics where Azure has them; logs where the question is about one device.

locals {
  hub_metric   = { scope = module.iot_hub.resource_id, namespace = "Microsoft.Devices/IotHubs" }
  dps_metric   = { scope = module.iot_dps.resource_id, namespace = "Microsoft.Devices/provisioningServices" }
  evh_metric   = { scope = module.event_hubs.resource_id, namespace = "Microsoft.EventHub/namespaces" }
  adx_metric   = { scope = module.adx.resource_id, namespace = "Microsoft.Kusto/Clusters" }
  lake_metric  = { scope = module.lake.resource_id, namespace = "Microsoft.Storage/storageAccounts" }
  vault_metric = { scope = module.key_vault.resource_id, namespace = "Microsoft.KeyVault/vaults" }

  # what is no success, whatever its spelling: Azure's own differs between services
  not_success = ["Success", "success", "Succeeded", "succeeded", "200"]

  metric_alerts = {
    telemetry-silent = merge(local.hub_metric, {
      metric      = "d2c.telemetry.ingress.success", aggregation = "Total", operator = "LessThan", threshold = 1, severity = 0, window = "PT15M", group = "operations"
      description = "No message came for a quarter of an hour. Look at the ExpressRoute and VPN connections, the firewall, then at edgeHub on one gateway."
    })
    gateways-missing = merge(local.hub_metric, {
      metric      = "connectedDeviceCount", aggregation = "Average", operator = "LessThan", threshold = var.expected_gateways, severity = 1, window = "PT15M", group = "operations"
      description = "Fewer gateways are connected than expected_gateways says. The alert device-disconnected names them."
    })
    throttled = merge(local.hub_metric, {
      metric      = "d2c.telemetry.ingress.sendThrottle", aggregation = "Total", operator = "GreaterThan", threshold = 0, severity = 2, window = "PT15M", group = "operations"
      description = "The hub slows gateways down. Their buffers grow; nothing is lost yet. Raise maxDelay in the mappings so that messages fill, or add a unit (fieldgate cost)."
    })
    quota = merge(local.hub_metric, {
      metric      = "dailyMessageQuotaUsed", aggregation = "Maximum", operator = "GreaterThan", threshold = floor(local.daily_quota * 0.8), severity = 1, window = "PT1H", group = "operations"
      description = "Four fifths of the day's messages are used. At the end of them the hub refuses everything until midnight UTC. Add a unit, or take columns instead of rows."
    })
    routes-dropped = merge(local.hub_metric, {
      metric      = "d2c.telemetry.egress.dropped", aggregation = "Total", operator = "GreaterThan", threshold = 0, severity = 0, window = "PT5M", group = "operations"
      description = "Messages that the hub had accepted were dropped on a route: the endpoint is gone or refuses. The lake or the event hub may have the other copy."
    })
    routes-orphaned = merge(local.hub_metric, {
      metric      = "d2c.telemetry.egress.orphaned", aggregation = "Total", operator = "GreaterThan", threshold = 0, severity = 1, window = "PT15M", group = "operations"
      description = "Messages met no route. The fallback route should have had them: look whether it is on."
    })
    routes-invalid = merge(local.hub_metric, {
      metric      = "d2c.telemetry.egress.invalid", aggregation = "Total", operator = "GreaterThan", threshold = 0, severity = 1, window = "PT15M", group = "operations"
      description = "Messages do not fit an endpoint, for their size or their form."
    })
    route-to-events = merge(local.hub_metric, {
      metric      = "d2c.telemetry.egress.fallback", aggregation = "Total", operator = "GreaterThan", threshold = 0, severity = 3, window = "PT1H", group = "operations"
      description = "Messages took the fallback route: a gateway sends a format that no route knows."
    })
    routes-failing = merge(local.hub_metric, {
      metric      = "RoutingDeliveries", aggregation = "Total", operator = "GreaterThan", threshold = 0, severity = 1, window = "PT15M", group = "operations"
      dimensions  = { Result = { operator = "Exclude", values = local.not_success } }
      description = "Deliveries to an endpoint fail and are tried again. Look at the role of the hub's identity and at the network rules of the target."
    })
    provisioning-failed = merge(local.dps_metric, {
      metric      = "AttestationAttempts", aggregation = "Total", operator = "GreaterThan", threshold = 0, severity = 2, window = "PT1H", group = "operations"
      dimensions  = { Status = { operator = "Exclude", values = local.not_success } }
      description = "A device could not prove who it is: certificate expired or of another root, or somebody tries. docs/cloud.md has the steps."
    })
    registrations-failed = merge(local.dps_metric, {
      metric      = "RegistrationAttempts", aggregation = "Total", operator = "GreaterThan", threshold = 0, severity = 2, window = "PT1H", group = "operations"
      dimensions  = { Status = { operator = "Exclude", values = local.not_success } }
      description = "A device proved who it is and could not be registered at the hub: look at the role of the linking identity on the hub."
    })
    event-hubs-throttled = merge(local.evh_metric, {
      metric      = "ThrottledRequests", aggregation = "Total", operator = "GreaterThan", threshold = 0, severity = 2, window = "PT15M", group = "operations"
      description = "The namespace is at its throughput units. Raise maximum_capacity."
    })
    ingestion-failed = merge(local.adx_metric, {
      metric      = "IngestionResult", aggregation = "Total", operator = "GreaterThan", threshold = 0, severity = 1, window = "PT15M", group = "operations"
      dimensions  = { IngestionResultDetails = { operator = "Exclude", values = local.not_success } }
      description = "Messages were not taken into a table. Ask .show ingestion failures; the lake has every message as it came."
    })
    ingestion-dropped = merge(local.adx_metric, {
      metric      = "EventsDropped", aggregation = "Total", operator = "GreaterThan", threshold = 0, severity = 1, window = "PT15M", group = "operations"
      description = "The connection to an event hub dropped messages: mostly a body that is not compressed as adx.compression says. The lake has them."
    })
    ingestion-late = merge(local.adx_metric, {
      metric      = "IngestionLatencyInSeconds", aggregation = "Average", operator = "GreaterThan", threshold = 900, severity = 2, window = "PT30M", group = "operations"
      description = "Readings reach their table a quarter of an hour late. The cluster is too small, or an event hub has a backlog."
    })
    cluster-down = merge(local.adx_metric, {
      metric      = "KeepAlive", aggregation = "Average", operator = "LessThan", threshold = 0.9, severity = 1, window = "PT15M", group = "platform"
      description = "The cluster does not answer. Event hubs keep a week."
    })
    lake-unavailable = merge(local.lake_metric, {
      metric      = "Availability", aggregation = "Average", operator = "LessThan", threshold = 99, severity = 2, window = "PT1H", group = "platform"
      description = "The lake answers with errors: raw messages wait in the hub."
    })
    vault-unavailable = merge(local.vault_metric, {
      metric      = "Availability", aggregation = "Average", operator = "LessThan", threshold = 99, severity = 2, window = "PT1H", group = "platform"
      description = "The vault answers with errors."
    })
  }

  log_alerts = {
    device-disconnected = {
      severity    = 1
      description = "A gateway lost its connection a quarter of an hour ago and has not come back. Its buffer keeps what it reads."
      dimension   = "device"
      query       = <<-EOT
        AzureDiagnostics
        | where ResourceProvider == "MICROSOFT.DEVICES" and Category == "Connections"
        | where _ResourceId =~ "${module.iot_hub.resource_id}"
        | extend device = tostring(parse_json(properties_s).deviceId)
        | summarize arg_max(TimeGenerated, OperationName) by device
        | where OperationName == "deviceDisconnect" and TimeGenerated < ago(15m)
      EOT
    }
    device-refused = {
      severity    = 2
      description = "The hub refuses a device again and again: clock of the host, key or certificate, or a device that was disabled."
      dimension   = "device"
      query       = <<-EOT
        AzureDiagnostics
        | where ResourceProvider == "MICROSOFT.DEVICES" and Category == "Connections" and Level == "Error"
        | where _ResourceId =~ "${module.iot_hub.resource_id}"
        | extend device = tostring(parse_json(properties_s).deviceId)
        | summarize refusals = count() by device
        | where refusals > 10
      EOT
    }
  }
}

resource "azurerm_monitor_metric_alert" "this" {
  for_each = local.metric_alerts

  name                = "alert-${each.key}"
  resource_group_name = azurerm_resource_group.this.name
  tags                = local.tags
  scopes              = [each.value.scope]
  description         = each.value.description
  severity            = each.value.severity
  window_size         = each.value.window
  frequency           = each.value.window == "PT5M" ? "PT1M" : "PT5M"

  criteria {
    metric_namespace = each.value.namespace
    metric_name      = each.value.metric
    aggregation      = each.value.aggregation
    operator         = each.value.operator
    threshold        = each.value.threshold

    dynamic "dimension" {
      for_each = try(each.value.dimensions, {})
      content {
        name     = dimension.key
        operator = dimension.value.operator
        values   = dimension.value.values
      }
    }
  }

  action {
    action_group_id = var.action_group_resource_ids[each.value.group]
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "this" {
  for_each = local.log_alerts

  name                    = "alert-${each.key}"
  resource_group_name     = azurerm_resource_group.this.name
  location                = var.location
  tags                    = local.tags
  scopes                  = [var.workspace_resource_id]
  description             = each.value.description
  severity                = each.value.severity
  evaluation_frequency    = "PT15M"
  window_duration         = "PT1H"
  auto_mitigation_enabled = true

  # the table exists when the first log has come
  skip_query_validation = true

  criteria {
    query                   = each.value.query
    time_aggregation_method = "Count"
    operator                = "GreaterThan"
    threshold               = 0

    dimension {
      name     = each.value.dimension
      operator = "Include"
      values   = ["*"]
    }
  }

  action {
    action_groups = [var.action_group_resource_ids["operations"]]
  }
}
