# What every resource module does the same way, on local.resource_id; diagnostics on local.observed_id. This file is the same in every module of its kind.

resource "azurerm_management_lock" "this" {
  count = var.lock == null ? 0 : 1

  name       = coalesce(var.lock.name, "lock-${var.lock.kind}")
  scope      = local.resource_id
  lock_level = var.lock.kind
  notes      = "Set by Terraform. Remove the lock there before the resource is deleted."
}

resource "azurerm_role_assignment" "this" {
  for_each = var.role_assignments

  scope                = local.resource_id
  role_definition_id   = startswith(each.value.role_definition_id_or_name, "/") ? each.value.role_definition_id_or_name : null
  role_definition_name = startswith(each.value.role_definition_id_or_name, "/") ? null : each.value.role_definition_id_or_name
  principal_id         = each.value.principal_id
  principal_type       = each.value.principal_type
  description          = each.value.description
}

module "diagnostics" {
  source = "../diagnostics"

  target_resource_id  = local.observed_id
  diagnostic_settings = var.diagnostic_settings
}
