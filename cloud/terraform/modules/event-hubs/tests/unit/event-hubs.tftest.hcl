mock_provider "azurerm" {
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
}

variables {
  name                = "evhns-lav-data-prod-frc-001"
  resource_group_name = "rg-lav-data-prod-frc-001"
  location            = "francecentral"
  tags                = { environment = "prod", owner = "data-platform@refinery.example", zone = "data" }
  event_hubs = {
    rows  = { consumer_groups = ["adx"] }
    audit = { partition_count = 1 }
  }
  allowed_subnet_resource_ids = ["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-lav-data-prod-frc-001/providers/Microsoft.Network/virtualNetworks/vnet-lav-data-prod-frc-001/subnets/snet-pep"]
}

run "only_trusted_services_come_by_the_public_side" {
  command = apply

  assert {
    condition     = azurerm_eventhub_namespace.this.local_authentication_enabled == false && azurerm_eventhub_namespace.this.minimum_tls_version == "1.2"
    error_message = "No keys, TLS 1.2."
  }
  assert {
    condition     = azurerm_eventhub_namespace.this.network_rulesets[0].default_action == "Deny" && azurerm_eventhub_namespace.this.network_rulesets[0].trusted_service_access_enabled
    error_message = "Everybody is denied but trusted services: the routes of an IoT hub."
  }
  assert {
    condition     = length(azurerm_eventhub_namespace.this.network_rulesets[0].virtual_network_rule) == 1
    error_message = "There is a rule: a rule set without one is open to all."
  }
}

run "a_week_is_kept_and_each_consumer_has_its_group" {
  command = apply

  assert {
    condition     = azurerm_eventhub.this["rows"].retention_description[0].retention_time_in_hours == 168
    error_message = "Seven days by default."
  }
  assert {
    condition     = output.consumer_groups == { rows-adx = "adx" }
    error_message = "One group for each consumer that was named."
  }
  assert {
    condition     = output.endpoint_uri == "sb://evhns-lav-data-prod-frc-001.servicebus.windows.net"
    error_message = "The endpoint in the form that IoT Hub's routes take."
  }
}

run "growth_below_the_start_is_refused" {
  command = plan
  variables {
    capacity         = 4
    maximum_capacity = 2
  }
  expect_failures = [azurerm_eventhub_namespace.this]
}

run "odd_numbers_of_premium_units_are_refused" {
  command = plan
  variables {
    sku      = "Premium"
    capacity = 3
  }
  expect_failures = [azurerm_eventhub_namespace.this]
}

run "bad_inputs_are_refused" {
  command = plan
  variables {
    name             = "eventhubs"
    sku              = "Basic"
    capacity         = 0
    maximum_capacity = 41
    event_hubs       = { Rows = {} }

    allowed_subnet_resource_ids = []
  }
  expect_failures = [var.name, var.sku, var.capacity, var.maximum_capacity, var.event_hubs, var.allowed_subnet_resource_ids]
}

run "a_month_of_retention_is_refused" {
  command = plan
  variables {
    event_hubs = { rows = { retention_in_days = 30 } }
  }
  expect_failures = [var.event_hubs]
}

run "the_default_group_is_refused" {
  command = plan
  variables {
    event_hubs = { rows = { consumer_groups = ["$Default"] } }
  }
  expect_failures = [var.event_hubs]
}
