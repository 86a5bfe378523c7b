# The management zone's minimum: where logs go, and who hears of alerts. Everything else asks for these two.

locals {
  tags = {
    environment = "platform"
    owner       = var.owner
    zone        = "management"
    managed-by  = "terraform stacks/20-management"
  }
}

module "naming" {
  source = "../../modules/naming"

  organisation = var.organisation
  workload     = "mgmt"
  environment  = "platform"
  location     = var.location
}

resource "azurerm_resource_group" "this" {
  name     = module.naming.names.resource_group
  location = var.location
  tags     = local.tags
}

module "log_analytics" {
  source = "../../modules/log-analytics"

  name                = module.naming.names.log_analytics
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
  retention_in_days   = var.retention_in_days
  lock                = { kind = "CanNotDelete" }

  # who asked what, in the workspace itself
  diagnostic_settings = { itself = { workspace_resource_id = module.log_analytics.resource_id } }
}

resource "azurerm_monitor_action_group" "this" {
  for_each = var.action_groups

  name                = "${module.naming.names.action_group}-${each.key}"
  resource_group_name = azurerm_resource_group.this.name
  short_name          = each.value.short_name
  tags                = local.tags

  dynamic "email_receiver" {
    for_each = each.value.emails
    content {
      name                    = email_receiver.key
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }

  dynamic "webhook_receiver" {
    for_each = each.value.webhooks
    content {
      name                    = webhook_receiver.key
      service_uri             = webhook_receiver.value
      use_common_alert_schema = true
    }
  }

  dynamic "arm_role_receiver" {
    for_each = each.value.arm_role_ids
    content {
      name                    = arm_role_receiver.key
      role_id                 = arm_role_receiver.value
      use_common_alert_schema = true
    }
  }
}
