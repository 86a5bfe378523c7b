resource "azurerm_container_registry" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  # Premium: private endpoints, data endpoints, tokens for single repositories
  sku                      = "Premium"
  zone_redundancy_enabled  = var.zone_redundancy_enabled
  retention_policy_in_days = var.untagged_retention_days

  admin_enabled                 = false
  anonymous_pull_enabled        = false
  public_network_access_enabled = false
  network_rule_bypass_option    = "AzureServices"

  # images cannot be copied out of the tenant; needs public access off
  export_policy_enabled = false

  # layers come from <registry>.<region>.data.azurecr.io instead of any storage account of Azure: one rule at the firewall
  data_endpoint_enabled = true

  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_container_registry_scope_map" "edge_pull" {
  for_each = var.edge_pull_tokens

  name                    = each.key
  resource_group_name     = var.resource_group_name
  container_registry_name = azurerm_container_registry.this.name
  description             = "What ${each.key} may pull"
  actions                 = sort([for name in each.value.repositories : "repositories/${name}/content/read"])
}

resource "azurerm_container_registry_token" "edge_pull" {
  for_each = var.edge_pull_tokens

  name                    = each.key
  resource_group_name     = var.resource_group_name
  container_registry_name = azurerm_container_registry.this.name
  scope_map_id            = azurerm_container_registry_scope_map.edge_pull[each.key].id
  enabled                 = each.value.enabled
}
