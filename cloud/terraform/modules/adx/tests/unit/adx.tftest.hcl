mock_provider "azurerm" {
  mock_resource "azurerm_kusto_cluster" {
    defaults = {
      id                 = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Kusto/clusters/declavdataprodfrc001"
      uri                = "https://declavdataprodfrc001.francecentral.kusto.windows.net"
      data_ingestion_uri = "https://ingest-declavdataprodfrc001.francecentral.kusto.windows.net"
    }
  }
  mock_resource "azurerm_kusto_database" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Kusto/clusters/declavdataprodfrc001/databases/telemetry"
    }
  }
}

variables {
  name                = "declavdataprodfrc001"
  resource_group_name = "rg-lav-data-prod-frc-001"
  location            = "francecentral"
  tags                = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  sku                 = { name = "Standard_E2ads_v5", capacity = 2 }
  databases = {
    telemetry = {
      script = <<-EOT
        .create-merge table Rows (gateway: string, seq: long)

        .create-or-alter table Rows ingestion json mapping "rows" '[{"column":"gateway","Properties":{"Path":"$.gateway"}},{"column":"seq","Properties":{"Path":"$.seq"}}]'
      EOT
    }
  }
  event_hub_connections = {
    rows = {
      database              = "telemetry"
      table                 = "Rows"
      mapping               = "rows"
      data_format           = "JSON"
      event_hub_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.EventHub/namespaces/evhns-lav-data-prod-frc-001/eventhubs/rows"
      consumer_group        = "adx"
    }
  }
  database_roles = {
    engineers = {
      database       = "telemetry"
      role           = "Viewer"
      principal_id   = "22222222-2222-2222-2222-222222222222"
      principal_type = "Group"
      tenant_id      = "44444444-4444-4444-4444-444444444444"
    }
  }
}

run "the_cluster_is_private_and_stays_awake" {
  command = apply

  assert {
    condition     = azurerm_kusto_cluster.this.public_network_access_enabled == false && azurerm_kusto_cluster.this.disk_encryption_enabled
    error_message = "No public network, encrypted disks."
  }
  assert {
    condition     = azurerm_kusto_cluster.this.auto_stop_enabled == false
    error_message = "A cluster that stops takes no telemetry."
  }
  assert {
    condition     = azurerm_kusto_database.this["telemetry"].hot_cache_period == "P31D" && azurerm_kusto_database.this["telemetry"].soft_delete_period == "P1827D"
    error_message = "A month hot, five years kept."
  }
}

run "telemetry_comes_compressed_by_the_identity" {
  command = apply

  assert {
    condition     = azurerm_kusto_eventhub_data_connection.this["rows"].compression == "GZip" && azurerm_kusto_eventhub_data_connection.this["rows"].data_format == "JSON"
    error_message = "Lines of JSON under gzip, as the gateway sends them."
  }
  assert {
    condition     = azurerm_kusto_eventhub_data_connection.this["rows"].identity_id == output.resource_id && azurerm_role_assignment.event_hub_receiver["rows"].role_definition_name == "Azure Event Hubs Data Receiver"
    error_message = "The cluster reads with its own identity, which may receive."
  }
  assert {
    condition     = azurerm_kusto_script.this["telemetry"].force_an_update_when_value_changed == sha256(azurerm_kusto_script.this["telemetry"].script_content)
    error_message = "A changed script is run."
  }
  assert {
    condition     = azurerm_kusto_script.this["telemetry"].continue_on_errors_enabled == false
    error_message = "A script that fails fails the apply."
  }
  assert {
    condition     = azurerm_kusto_database_principal_assignment.this["engineers"].role == "Viewer"
    error_message = "Engineers may look."
  }
}

run "a_development_cluster_has_one_node" {
  command = plan
  variables {
    sku   = { name = "Dev(No SLA)_Standard_E2a_v4", capacity = 1 }
    zones = []
  }
  assert {
    condition     = azurerm_kusto_cluster.this.sku[0].capacity == 1 && azurerm_kusto_cluster.this.zones == null
    error_message = "One node, no zones."
  }
}

run "a_connection_to_no_database_is_refused" {
  command = plan
  variables {
    event_hub_connections = { rows = { database = "Telemetry", table = "Rows", mapping = "rows", event_hub_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.EventHub/namespaces/evhns-lav-data-prod-frc-001/eventhubs/rows", consumer_group = "adx" } }
    database_roles        = {}
  }
  expect_failures = [azurerm_kusto_eventhub_data_connection.this]
}

run "a_mapping_that_nobody_makes_is_refused" {
  command = plan
  variables {
    event_hub_connections = { rows = { database = "telemetry", table = "Rows", event_hub_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.EventHub/namespaces/evhns-lav-data-prod-frc-001/eventhubs/rows", mapping = "row", consumer_group = "adx" } }
  }
  expect_failures = [azurerm_kusto_eventhub_data_connection.this]
}

run "a_role_in_no_database_is_refused" {
  command = plan
  variables {
    database_roles = { engineers = { database = "telemetri", role = "Viewer", principal_id = "22222222-2222-2222-2222-222222222222", principal_type = "Group", tenant_id = "44444444-4444-4444-4444-444444444444" } }
  }
  expect_failures = [azurerm_kusto_database_principal_assignment.this]
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    name                  = "dec-lav-data"
    sku                   = { name = "E2ads", capacity = 2 }
    zones                 = ["4"]
    databases             = { "tele/metry" = {} }
    event_hub_connections = { rows = { database = "telemetry", table = "Rows", event_hub_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.EventHub/namespaces/evhns-lav-data-prod-frc-001/eventhubs/rows", mapping = "rows", consumer_group = "adx", data_format = "CSV" } }
    database_roles        = { one = { database = "telemetry", role = "Reader", principal_id = "x", principal_type = "Group", tenant_id = "y" } }
  }
  expect_failures = [var.name, var.sku, var.zones, var.databases, var.event_hub_connections, var.database_roles]
}

run "one_node_without_a_promise_must_say_so" {
  command = plan
  variables {
    sku                   = { name = "Standard_E2ads_v5", capacity = 1 }
    databases             = { telemetry = { hot_cache_days = 60, soft_delete_days = 30 } }
    event_hub_connections = { rows = { database = "telemetry", table = "Rows", event_hub_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.EventHub/namespaces/evhns-lav-data-prod-frc-001/eventhubs/rows", mapping = "rows", consumer_group = "adx", compression = "gzip" } }
    database_roles        = { one = { database = "telemetry", role = "Viewer", principal_id = "x", principal_type = "Identity", tenant_id = "y" } }
  }
  expect_failures = [var.sku, var.databases, var.event_hub_connections, var.database_roles]
}

run "azure_monitor_may_be_let_in_and_nobody_else" {
  command = plan
  variables {
    public_access_allowed_ip_ranges = ["AzureMonitor"]
  }
  assert {
    condition     = azurerm_kusto_cluster.this.public_network_access_enabled && azurerm_kusto_cluster.this.allowed_ip_ranges == tolist(["AzureMonitor"])
    error_message = "The public side is open for what was named."
  }
}

run "everybody_is_not_let_in" {
  command = plan
  variables {
    public_access_allowed_ip_ranges = ["0.0.0.0/0"]
  }
  expect_failures = [var.public_access_allowed_ip_ranges]
}

run "a_script_that_drops_and_the_default_group_are_refused" {
  command = plan
  variables {
    databases             = { telemetry = { script = ".drop table Rows" } }
    event_hub_connections = { rows = { database = "telemetry", table = "Rows", event_hub_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.EventHub/namespaces/evhns-lav-data-prod-frc-001/eventhubs/rows", mapping = "rows", consumer_group = "$Default" } }
  }
  expect_failures = [var.databases, var.event_hub_connections]
}
