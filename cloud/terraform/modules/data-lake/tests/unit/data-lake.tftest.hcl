mock_provider "azurerm" {
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
}

variables {
  name                = "dlslavdataprodfrc001"
  resource_group_name = "rg-lav-data-prod-frc-001"
  location            = "francecentral"
  tags                = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  containers = {
    raw     = { cool_after_days = 30, delete_after_days = 400 }
    curated = {}
  }
}

run "the_account_has_no_keys_and_denies_by_default" {
  command = apply

  assert {
    condition     = azurerm_storage_account.this.shared_access_key_enabled == false && azurerm_storage_account.this.local_user_enabled == false
    error_message = "No keys, no local users."
  }
  assert {
    condition     = azurerm_storage_account.this.network_rules[0].default_action == "Deny" && azurerm_storage_account.this.network_rules[0].bypass == toset(["AzureServices"])
    error_message = "Trusted services come in, everybody else is denied."
  }
  assert {
    condition     = azurerm_storage_account.this.is_hns_enabled && azurerm_storage_account.this.min_tls_version == "TLS1_2" && azurerm_storage_account.this.allow_nested_items_to_be_public == false
    error_message = "A data lake over TLS 1.2, nothing in it public."
  }
}

run "files_grow_cool_and_go" {
  command = apply

  assert {
    condition     = length(azurerm_storage_management_policy.this[0].rule) == 1 && azurerm_storage_management_policy.this[0].rule[0].filters[0].prefix_match == toset(["raw/"])
    error_message = "There is a rule for raw, and none for curated, which has no ages."
  }
  assert {
    condition     = azurerm_storage_management_policy.this[0].rule[0].actions[0].base_blob[0].delete_after_days_since_modification_greater_than == 400
    error_message = "Raw files go after 400 days."
  }
}

run "without_ages_there_is_no_policy" {
  command = plan
  variables {
    containers = { raw = {} }
  }
  assert {
    condition     = length(azurerm_storage_management_policy.this) == 0
    error_message = "An empty policy is refused by Azure."
  }
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    name             = "dls-lav-data"
    replication      = "RAGRS"
    containers       = { "Raw" = {} }
    soft_delete_days = 1
  }
  expect_failures = [var.name, var.replication, var.containers, var.soft_delete_days]
}

run "files_that_go_before_they_cool_are_refused" {
  command = plan
  variables {
    containers = { raw = { cool_after_days = 30, delete_after_days = 10 } }
  }
  expect_failures = [var.containers]
}
