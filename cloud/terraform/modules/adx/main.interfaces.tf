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

module "private_endpoint" {
  source   = "../private-endpoint"
  for_each = var.private_endpoints

  name                           = coalesce(each.value.name, "pep-${var.name}-${each.key}")
  network_interface_name         = each.value.network_interface_name
  resource_group_name            = coalesce(each.value.resource_group_name, var.resource_group_name)
  location                       = coalesce(each.value.location, var.location)
  tags                           = coalesce(each.value.tags, var.tags)
  subnet_resource_id             = each.value.subnet_resource_id
  private_connection_resource_id = local.resource_id
  subresource_name               = coalesce(each.value.subresource_name, local.subresource_name)
  private_dns_zone_resource_ids  = each.value.private_dns_zone_resource_ids
  private_dns_zone_group_name    = each.value.private_dns_zone_group_name
}
