# Whether every reading came. The functions Missing and Completeness answer it in the cluster, for everybody who may ask.
# The alert asks them for Azure Monitor, which has no private way to a cluster: it exists where var.completeness_alert says so.

locals {
  missing = var.completeness_alert == null ? null : "Missing(ago(2d), ${var.completeness_alert.patience_hours}h) | summarize absent = sum(absent) by gateway"
}

resource "azurerm_user_assigned_identity" "completeness" {
  count = var.completeness_alert == null ? 0 : 1

  name                = "${module.naming.names.managed_identity}-completeness"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "completeness" {
  count = var.completeness_alert == null ? 0 : 1

  name                    = "alert-readings-missing"
  resource_group_name     = azurerm_resource_group.this.name
  location                = var.location
  tags                    = local.tags
  scopes                  = [var.workspace_resource_id]
  description             = "Numbers of a gateway neither came nor were given up by name for ${var.completeness_alert.patience_hours} hours. Find them with Missing() in the cluster, then in the lake, then with fieldgate audit."
  severity                = 1
  evaluation_frequency    = "PT1H"
  window_duration         = "PT1H"
  auto_mitigation_enabled = true
  skip_query_validation   = true

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.completeness[0].id]
  }

  criteria {
    query                   = "adx(\"${module.adx.uri}/${local.database}\").${local.missing}"
    time_aggregation_method = "Maximum"
    metric_measure_column   = "absent"
    operator                = "GreaterThan"
    threshold               = 0

    dimension {
      name     = "gateway"
      operator = "Include"
      values   = ["*"]
    }
  }

  action {
    action_groups = [var.action_group_resource_ids["operations"]]
  }
}
