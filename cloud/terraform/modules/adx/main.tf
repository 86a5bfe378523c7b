resource "azurerm_kusto_cluster" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
  zones               = length(var.zones) > 0 ? var.zones : null

  auto_stop_enabled           = var.auto_stop_enabled
  streaming_ingestion_enabled = var.streaming_ingestion_enabled
  disk_encryption_enabled     = true
  purge_enabled               = false

  public_network_access_enabled = length(var.public_access_allowed_ip_ranges) > 0
  allowed_ip_ranges             = length(var.public_access_allowed_ip_ranges) > 0 ? sort(var.public_access_allowed_ip_ranges) : null

  sku {
    name     = var.sku.name
    capacity = var.sku.capacity
  }

  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_kusto_database" "this" {
  for_each = var.databases

  name                = each.key
  resource_group_name = var.resource_group_name
  location            = var.location
  cluster_name        = azurerm_kusto_cluster.this.name
  hot_cache_period    = "P${each.value.hot_cache_days}D"
  soft_delete_period  = "P${each.value.soft_delete_days}D"
}

resource "azurerm_kusto_script" "this" {
  for_each = { for name, one in var.databases : name => one.script if one.script != null }

  name                               = "schema"
  database_id                        = azurerm_kusto_database.this[each.key].id
  script_content                     = each.value
  force_an_update_when_value_changed = sha256(each.value)
  continue_on_errors_enabled         = false
}

resource "azurerm_role_assignment" "event_hub_receiver" {
  for_each = var.event_hub_connections

  scope                = each.value.event_hub_resource_id
  role_definition_name = "Azure Event Hubs Data Receiver"
  principal_id         = azurerm_kusto_cluster.this.identity[0].principal_id
  principal_type       = "ServicePrincipal"
  description          = "${var.name} reads into ${each.value.database}.${each.value.table}"
}

# An event hub between the IoT hub and the cluster: azurerm_kusto_iothub_data_connection wants a shared access policy,
# which a hub without local authentication does not have.
resource "azurerm_kusto_eventhub_data_connection" "this" {
  for_each = var.event_hub_connections

  name                = each.key
  resource_group_name = var.resource_group_name
  location            = var.location
  cluster_name        = azurerm_kusto_cluster.this.name
  database_name       = each.value.database
  table_name          = each.value.table
  mapping_rule_name   = each.value.mapping
  data_format         = each.value.data_format
  compression         = each.value.compression
  eventhub_id         = each.value.event_hub_resource_id
  consumer_group      = each.value.consumer_group

  # the cluster's own identity is named by the cluster's id
  identity_id = azurerm_kusto_cluster.this.id

  depends_on = [azurerm_kusto_database.this, azurerm_kusto_script.this, azurerm_role_assignment.event_hub_receiver]

  lifecycle {
    precondition {
      condition     = contains(keys(var.databases), each.value.database)
      error_message = "Connection ${each.key} writes to the database ${each.value.database}, which is none of databases: ${join(", ", keys(var.databases))}."
    }
    precondition {
      condition     = strcontains(try(coalesce(var.databases[each.value.database].script, ""), ""), "mapping \"${each.value.mapping}\"")
      error_message = "Connection ${each.key} uses the mapping ${each.value.mapping}, which the script of ${each.value.database} does not make. Add it there, or mend the name."
    }
  }
}

resource "azurerm_kusto_database_principal_assignment" "this" {
  for_each = var.database_roles

  name                = each.key
  resource_group_name = var.resource_group_name
  cluster_name        = azurerm_kusto_cluster.this.name
  database_name       = each.value.database
  role                = each.value.role
  principal_id        = each.value.principal_id
  principal_type      = each.value.principal_type
  tenant_id           = each.value.tenant_id

  depends_on = [azurerm_kusto_database.this]

  lifecycle {
    precondition {
      condition     = contains(keys(var.databases), each.value.database)
      error_message = "Role ${each.key} is for the database ${each.value.database}, which is none of databases: ${join(", ", keys(var.databases))}."
    }
  }
}
