provider "azurerm" {
  features {}
}

module "adx" {
  source = "../.."

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
