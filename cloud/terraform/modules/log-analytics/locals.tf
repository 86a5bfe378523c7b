locals {
  resource_id = azurerm_log_analytics_workspace.this.id
  observed_id = local.resource_id
}
