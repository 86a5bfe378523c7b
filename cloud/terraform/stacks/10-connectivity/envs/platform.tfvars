# Placeholders: 00000000… stands for ids of the tenant, .example and 192.0.2.0/24 for names and addresses of the site.
subscription_id = "00000000-0000-0000-0000-000000000010"
organisation    = "lav"
location        = "francecentral"
owner           = "network@refinery.example"

address_plan = {
  hub              = "10.64.0.0/23"
  sidecar          = "10.64.4.0/24"
  dns_inbound      = "10.64.4.0/28"
  dns_outbound     = "10.64.4.16/28"
  resolver_address = "10.64.4.4"
}

# the demilitarised zone of the refinery in which the IoT Edge hosts stand
edge_source_ranges = ["10.20.8.0/24"]
edge_profiles      = ["private", "packages"]
edge_environments = {
  prod    = { iot_hub = "iot-lav-data-prod-frc-001", dps = "provs-lav-data-prod-frc-001", registry = "crlavdataprodfrc001" }
  preprod = { iot_hub = "iot-lav-data-pre-frc-001", dps = "provs-lav-data-pre-frc-001", registry = "crlavdataprefrc001" }
}

express_route = {
  connections = {
    refinery = { circuit_peering_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000010/resourceGroups/rg-lav-circuits-plt-frc-001/providers/Microsoft.Network/expressRouteCircuits/erc-lav-refinery/peerings/AzurePrivatePeering" }
  }
}

# pre-shared key: TF_VAR_vpn_shared_keys='{"refinery":"…"}'
vpn = {
  sites = {
    refinery = {
      address_cidrs = ["10.20.0.0/16"]
      links         = { fibre = { ip_address = "192.0.2.10", speed_in_mbps = 200, provider_name = "second-provider" } }
    }
  }
}

on_premises_dns = {
  refinery = { domain_name = "refinery.example.", servers = ["10.20.0.10", "10.20.0.11"] }
}

# outputs of stacks/20-management
workspace_resource_id             = "/subscriptions/00000000-0000-0000-0000-000000000020/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.OperationalInsights/workspaces/log-lav-mgmt-plt-frc-001"
platform_action_group_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000020/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.Insights/actionGroups/ag-lav-mgmt-plt-frc-001-platform"
cost_action_group_resource_id     = "/subscriptions/00000000-0000-0000-0000-000000000020/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.Insights/actionGroups/ag-lav-mgmt-plt-frc-001-cost"

budget = { amount = 4000, start_date = "2026-12-01T00:00:00Z" }
