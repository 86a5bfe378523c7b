mock_provider "azurerm" {
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
}

variables {
  name                = "crlavdataprodfrc001"
  resource_group_name = "rg-lav-data-prod-frc-001"
  location            = "francecentral"
  tags                = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  edge_pull_tokens = {
    edge-pull = { repositories = ["fieldgate", "azureiotedge-agent", "azureiotedge-hub"] }
  }
}

run "the_registry_is_private" {
  command = apply

  assert {
    condition     = azurerm_container_registry.this.sku == "Premium" && azurerm_container_registry.this.public_network_access_enabled == false
    error_message = "Private endpoints need Premium, and nothing comes by the public side."
  }
  assert {
    condition     = !azurerm_container_registry.this.admin_enabled && !azurerm_container_registry.this.anonymous_pull_enabled && !azurerm_container_registry.this.export_policy_enabled
    error_message = "No admin user, no anonymous pull, no export."
  }
  assert {
    condition     = azurerm_container_registry.this.data_endpoint_enabled
    error_message = "Layers come from the registry's own data endpoint."
  }
}

run "edge_hosts_read_their_images_and_nothing_else" {
  command = apply

  assert {
    condition = azurerm_container_registry_scope_map.edge_pull["edge-pull"].actions == tolist([
      "repositories/azureiotedge-agent/content/read", "repositories/azureiotedge-hub/content/read", "repositories/fieldgate/content/read",
    ])
    error_message = "Read on three repositories, no write."
  }
  assert {
    condition     = azurerm_container_registry_token.edge_pull["edge-pull"].enabled
    error_message = "The token is made and works."
  }
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    name                    = "cr-lav-data"
    untagged_retention_days = 0
    edge_pull_tokens        = { edge = { repositories = ["fieldgate"] } }
  }
  expect_failures = [var.name, var.untagged_retention_days, var.edge_pull_tokens]
}

run "a_token_for_everything_is_refused" {
  command = plan
  variables {
    edge_pull_tokens = { edge-pull = { repositories = ["*"] } }
  }
  expect_failures = [var.edge_pull_tokens]
}
