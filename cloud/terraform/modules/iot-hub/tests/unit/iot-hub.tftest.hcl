mock_provider "azurerm" {
  mock_resource "azurerm_iothub" {
    defaults = {
      id       = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Devices/iotHubs/iot-lav-data-prod-frc-001"
      hostname = "iot-lav-data-prod-frc-001.azure-devices.net"
    }
  }
  mock_resource "azurerm_iothub_endpoint_eventhub" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Devices/iotHubs/iot-lav-data-prod-frc-001/endpoints/rows"
    }
  }
}

variables {
  name                = "iot-lav-data-prod-frc-001"
  resource_group_name = "rg-lav-data-prod-frc-001"
  location            = "francecentral"
  tags                = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  sku                 = { name = "S1", capacity = 2 }
  event_hub_endpoints = {
    rows = {
      endpoint_uri          = "sb://evhns-lav-data-prod-frc-001.servicebus.windows.net"
      event_hub_name        = "rows"
      event_hub_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.EventHub/namespaces/evhns-lav-data-prod-frc-001/eventhubs/rows"
    }
  }
  storage_endpoints = {
    raw = {
      endpoint_uri          = "https://dlslavdataprodfrc001.blob.core.windows.net/"
      container_name        = "raw"
      container_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Storage/storageAccounts/dlslavdataprodfrc001/blobServices/default/containers/raw"
    }
  }
  routes = {
    telemetry-rows = { source = "DeviceMessages", condition = "format = 'rows'", endpoint = "rows" }
    raw            = { source = "DeviceMessages", endpoint = "raw" }
  }
  enrichments = {
    ring = { value = "$twin.tags.ring", endpoints = ["rows"] }
  }
  consumer_groups = ["commissioning"]
}

run "the_hub_is_private_and_takes_identities_only" {
  command = apply

  assert {
    condition     = azurerm_iothub.this.public_network_access_enabled == false && azurerm_iothub.this.local_authentication_enabled == false
    error_message = "No public network, no hub-level keys."
  }
  assert {
    condition     = azurerm_iothub.this.min_tls_version == "1.2"
    error_message = "TLS 1.2 at least."
  }
  assert {
    condition     = azurerm_iothub.this.network_rule_set[0].default_action == "Deny" && azurerm_iothub.this.network_rule_set[0].apply_to_builtin_eventhub_endpoint
    error_message = "The rules deny, at the built-in endpoint too."
  }
  assert {
    condition     = azurerm_iothub.this.identity[0].type == "SystemAssigned"
    error_message = "The hub has an identity of its own."
  }
}

run "routes_use_the_identity_and_nothing_falls_through" {
  command = apply

  assert {
    condition     = azurerm_iothub_endpoint_eventhub.this["rows"].authentication_type == "identityBased" && azurerm_iothub_endpoint_eventhub.this["rows"].connection_string == null
    error_message = "An event hub is reached with the identity, without a connection string."
  }
  assert {
    condition     = azurerm_iothub_endpoint_storage_container.this["raw"].authentication_type == "identityBased" && azurerm_iothub_endpoint_storage_container.this["raw"].encoding == "Avro"
    error_message = "Raw messages go to the lake with the identity, in Avro, which keeps compressed bodies as they are."
  }
  assert {
    condition     = azurerm_role_assignment.event_hub_sender["rows"].role_definition_name == "Azure Event Hubs Data Sender" && azurerm_role_assignment.container_writer["raw"].role_definition_name == "Storage Blob Data Contributor"
    error_message = "The identity has the narrowest role on each target."
  }
  assert {
    condition     = azurerm_iothub_fallback_route.this.enabled && azurerm_iothub_fallback_route.this.endpoint_names == tolist(["events"])
    error_message = "A message that meets no route goes to the built-in endpoint."
  }
  assert {
    condition     = alltrue([for one in azurerm_iothub_route.this : length(one.endpoint_names) == 1])
    error_message = "A route leads to exactly one endpoint."
  }
}

run "a_user_assigned_identity_stands_beside" {
  command = plan
  variables {
    managed_identities = { user_assigned_resource_ids = ["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-lav-data-prod-frc-001"] }
  }
  assert {
    condition     = azurerm_iothub.this.identity[0].type == "SystemAssigned, UserAssigned"
    error_message = "Both kinds at once, written as the provider wants it."
  }
}

run "endpoints_without_an_identity_are_refused" {
  command = plan
  variables {
    managed_identities = { system_assigned = false, user_assigned_resource_ids = ["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-x"] }
  }
  expect_failures = [azurerm_iothub.this]
}

run "two_endpoints_of_one_name_are_refused" {
  command = plan
  variables {
    event_hub_endpoints = {
      raw = { endpoint_uri = "sb://evhns-lav-data-prod-frc-001.servicebus.windows.net", event_hub_name = "raw", event_hub_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.EventHub/namespaces/evhns-lav-data-prod-frc-001/eventhubs/rows" }
    }
    routes      = {}
    enrichments = {}
  }
  expect_failures = [azurerm_iothub.this]
}

run "a_route_to_nowhere_is_refused" {
  command = plan
  variables {
    routes = { lost = { source = "DeviceMessages", endpoint = "row" } }
  }
  expect_failures = [azurerm_iothub_route.this]
}

run "an_enrichment_for_nowhere_is_refused" {
  command = plan
  variables {
    enrichments = { ring = { value = "canary", endpoints = ["row"] } }
  }
  expect_failures = [azurerm_iothub_enrichment.this]
}

run "bad_names_tiers_and_counts_are_refused" {
  command = plan
  variables {
    name              = "IoT_Hub"
    sku               = { name = "B1", capacity = 1 }
    partition_count   = 33
    retention_in_days = 30
    consumer_groups   = ["$Default"]
  }
  expect_failures = [var.name, var.sku, var.partition_count, var.retention_in_days, var.consumer_groups]
}

run "too_many_units_and_reserved_names_are_refused" {
  command = plan
  variables {
    sku = { name = "S3", capacity = 11 }
    event_hub_endpoints = {
      events = { endpoint_uri = "sb://evhns-lav-data-prod-frc-001.servicebus.windows.net", event_hub_name = "rows", event_hub_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.EventHub/namespaces/evhns-lav-data-prod-frc-001/eventhubs/rows" }
    }
    storage_endpoints = {
      "$default" = { endpoint_uri = "https://dlslavdataprodfrc001.blob.core.windows.net", container_name = "raw", container_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Storage/storageAccounts/dlslavdataprodfrc001/blobServices/default/containers/raw" }
    }
    routes      = { body = { source = "DeviceMessages", endpoint = "events", condition = "$body.value > 3" } }
    enrichments = { seqFirst = { value = "1", endpoints = ["events"] } }
  }
  expect_failures = [var.sku, var.event_hub_endpoints, var.storage_endpoints, var.routes, var.enrichments]
}

run "connection_strings_and_public_names_are_refused" {
  command = plan
  variables {
    event_hub_endpoints = { rows = { endpoint_uri = "Endpoint=sb://x;SharedAccessKey=y", event_hub_name = "rows", event_hub_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.EventHub/namespaces/evhns-lav-data-prod-frc-001/eventhubs/rows" } }
    storage_endpoints   = { raw = { endpoint_uri = "https://dlslavdataprodfrc001.dfs.core.windows.net", container_name = "raw", container_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Storage/storageAccounts/dlslavdataprodfrc001/blobServices/default/containers/raw" } }
    routes              = { one = { source = "Telemetry", endpoint = "rows" } }
    enrichments         = { for n in range(11) : "key${n}" => { value = "x", endpoints = ["rows"] } }
  }
  expect_failures = [var.event_hub_endpoints, var.storage_endpoints, var.routes, var.enrichments]
}

run "an_unknown_encoding_is_refused" {
  command = plan
  variables {
    storage_endpoints = { raw = { endpoint_uri = "https://dlslavdataprodfrc001.blob.core.windows.net", container_name = "raw", container_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Storage/storageAccounts/dlslavdataprodfrc001/blobServices/default/containers/raw", encoding = "Parquet" } }
  }
  expect_failures = [var.storage_endpoints]
}

run "a_file_name_without_its_parts_is_refused" {
  command = plan
  variables {
    storage_endpoints = { raw = { endpoint_uri = "https://dlslavdataprodfrc001.blob.core.windows.net", container_name = "raw", container_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Storage/storageAccounts/dlslavdataprodfrc001/blobServices/default/containers/raw", file_name_format = "{iothub}/{YYYY}" } }
  }
  expect_failures = [var.storage_endpoints]
}

run "files_that_are_too_big_or_too_frequent_are_refused" {
  command = plan
  variables {
    storage_endpoints = { raw = { endpoint_uri = "https://dlslavdataprodfrc001.blob.core.windows.net", container_name = "raw", container_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Storage/storageAccounts/dlslavdataprodfrc001/blobServices/default/containers/raw", batch_frequency_in_seconds = 10 } }
  }
  expect_failures = [var.storage_endpoints]
}
