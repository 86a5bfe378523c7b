# What must hold in pre-production: the same as in production, smaller and without locks.
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


run "preproduction_is_production_but_smaller" {
  command = apply

  assert {
    condition     = output.edge_names.iot_hub == "iot-lav-data-pre-frc-001" && output.edge_names.registry == "crlavdataprefrc001"
    error_message = "Names say which environment it is."
  }
  assert {
    condition     = one(azurerm_monitor_metric_alert.this["quota"].criteria).threshold == 320000
    error_message = "Four fifths of one unit of S1."
  }
  assert {
    condition     = length(module.iot_hub.private_endpoints) == 1 && length(azurerm_monitor_metric_alert.this) == 18
    error_message = "As private, and as well watched."
  }
  assert {
    condition     = local.lock == null
    error_message = "Pre-production may be torn down."
  }
}
