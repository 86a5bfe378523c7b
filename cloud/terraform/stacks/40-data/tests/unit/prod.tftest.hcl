# What must hold in production.
mock_provider "azurerm" {
  mock_resource "azurerm_resource_group" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001"
    }
  }
  mock_resource "azurerm_virtual_network" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Network/virtualNetworks/vnet-lav-data-prod-frc-001"
    }
  }
  mock_resource "azurerm_network_security_group" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Network/networkSecurityGroups/nsg-lav-data-prod-frc-001"
    }
  }
  mock_resource "azurerm_virtual_hub_connection" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/virtualHubs/vhub-lav-conn-plt-frc-001/hubVirtualNetworkConnections/con-data"
    }
  }
  mock_resource "azurerm_key_vault" {
    defaults = {
      id        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.KeyVault/vaults/kv-lav-data-prod-frc-001"
      vault_uri = "https://kv-lav-data-prod-frc-001.vault.azure.net/"
    }
  }
  mock_resource "azurerm_container_registry" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.ContainerRegistry/registries/crlavdataprodfrc001"
      login_server = "crlavdataprodfrc001.azurecr.io"
    }
  }
  mock_resource "azurerm_container_registry_scope_map" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.ContainerRegistry/registries/crlavdataprodfrc001/scopeMaps/edge-pull"
    }
  }
  mock_resource "azurerm_storage_account" {
    defaults = {
      id                    = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Storage/storageAccounts/dlslavdataprodfrc001"
      primary_blob_endpoint = "https://dlslavdataprodfrc001.blob.core.windows.net/"
      primary_dfs_endpoint  = "https://dlslavdataprodfrc001.dfs.core.windows.net/"
    }
  }
  mock_resource "azurerm_storage_container" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Storage/storageAccounts/dlslavdataprodfrc001/blobServices/default/containers/raw"
    }
  }
  mock_resource "azurerm_eventhub_namespace" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.EventHub/namespaces/evhns-lav-data-prod-frc-001"
    }
  }
  mock_resource "azurerm_eventhub" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.EventHub/namespaces/evhns-lav-data-prod-frc-001/eventhubs/rows"
    }
  }
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
  mock_resource "azurerm_iothub" {
    defaults = {
      id       = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Devices/iotHubs/iot-lav-data-prod-frc-001"
      hostname = "iot-lav-data-prod-frc-001.azure-devices.net"
    }
  }
  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-lav-data-prod-frc-001"
      principal_id = "22222222-2222-2222-2222-222222222222"
      client_id    = "22222222-2222-2222-2222-222222222222"
      tenant_id    = "22222222-2222-2222-2222-222222222222"
    }
  }
  mock_resource "azurerm_private_endpoint" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Network/privateEndpoints/pep-one"
    }
  }
}

mock_provider "azapi" {
  mock_resource "azapi_resource" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Devices/provisioningServices/provs-lav-data-prod-frc-001"
    }
  }
}


run "gateways_reach_a_private_hub_by_identity" {
  command = apply

  assert {
    condition     = output.iot_hub_hostname == "iot-lav-data-prod-frc-001.azure-devices.net"
    error_message = "The hub has the name that gateways know."
  }
  assert {
    condition     = output.provisioning.global_endpoint == "https://provs-lav-data-prod-frc-001.azure-devices-provisioning.net"
    error_message = "Devices are provisioned by the service's own name."
  }
  assert {
    condition     = toset(keys(module.iot_hub.private_endpoints)) == toset(["hub"]) && toset(keys(module.iot_dps.private_endpoints)) == toset(["dps"])
    error_message = "Hub and provisioning service have private endpoints."
  }
  assert {
    condition     = alltrue([for one in [module.key_vault, module.registry, module.lake, module.event_hubs, module.adx] : length(one.private_endpoints) > 0])
    error_message = "So has everything else."
  }
}

run "alerts_reach_somebody_and_say_what_to_do" {
  command = apply

  assert {
    condition     = alltrue([for name in ["telemetry-silent", "gateways-missing", "throttled", "quota", "routes-dropped", "routes-orphaned", "provisioning-failed", "ingestion-failed"] : contains(keys(azurerm_monitor_metric_alert.this), name)])
    error_message = "Silence, throttling, quota, dropped routes, provisioning, ingestion."
  }
  assert {
    condition     = alltrue([for one in azurerm_monitor_metric_alert.this : length(one.action) == 1 && length(one.description) > 20])
    error_message = "Every alert has somebody to go to and says what to do."
  }
  assert {
    condition     = one(azurerm_monitor_metric_alert.this["quota"].criteria).threshold == 1280000
    error_message = "Four fifths of 4 units of S1: 1,280,000 messages."
  }
  assert {
    condition     = one(azurerm_monitor_metric_alert.this["gateways-missing"].criteria).threshold == 6
    error_message = "Six gateways are expected."
  }
  assert {
    condition     = alltrue([for one in azurerm_monitor_scheduled_query_rules_alert_v2.this : strcontains(one.criteria[0].query, "AzureDiagnostics")])
    error_message = "Single devices are watched in the hub's logs."
  }
}

run "the_cluster_is_closed_and_so_is_its_alert" {
  command = apply

  assert {
    condition     = length(azurerm_monitor_scheduled_query_rules_alert_v2.completeness) == 0 && length(azurerm_user_assigned_identity.completeness) == 0
    error_message = "Without a decision Azure Monitor does not ask the cluster."
  }
}

run "the_alert_on_completeness_asks_with_an_identity_of_its_own" {
  command = plan

  variables {
    completeness_alert = { allowed_ip_ranges = ["AzureMonitor"] }
  }

  assert {
    condition     = length(azurerm_monitor_scheduled_query_rules_alert_v2.completeness) == 1 && startswith(local.missing, "Missing(ago(2d), 24h)")
    error_message = "The alert asks the function of the database, with a day's patience."
  }
  assert {
    condition     = azurerm_monitor_scheduled_query_rules_alert_v2.completeness[0].identity[0].type == "UserAssigned"
    error_message = "It asks with an identity of its own."
  }
}

run "what_holds_data_is_locked" {
  command = apply

  assert {
    condition     = local.lock.kind == "CanNotDelete"
    error_message = "Production is locked."
  }
  assert {
    condition     = length(regexall("(?m)^\\.create-merge table ", local.kusto_script)) == 6 && strcontains(local.kusto_script, "table Events") && strcontains(local.kusto_script, "mapping \"rows\"") && strcontains(local.kusto_script, "mapping \"columns\"")
    error_message = "The schema of telemetry is all of kusto/*.kql."
  }
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    subscription_id                        = "data"
    environment                            = "production"
    owner                                  = "somebody"
    network                                = { address_space = "10.64.16.0/22", endpoint_subnet_prefix = "10.64.16.0/26", hub_address_prefix = "10.64.0.0/23", virtual_hub_resource_id = "/virtualHubs/v", dns_servers = [] }
    private_dns_resource_group_resource_id = "rg-lav-conn-plt-frc-001"
    workspace_resource_id                  = "log-lav-mgmt-plt-frc-001"
    action_group_resource_ids              = { operations = "ag" }
    expected_gateways                      = 0
    completeness_alert                     = { allowed_ip_ranges = ["AzureMonitor"], patience_hours = 72 }
  }
  expect_failures = [
    var.subscription_id, var.environment, var.owner, var.network, var.private_dns_resource_group_resource_id, var.workspace_resource_id,
    var.action_group_resource_ids, var.expected_gateways, var.completeness_alert,
  ]
}
