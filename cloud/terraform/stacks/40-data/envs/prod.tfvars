# Placeholders: 00000000… stands for ids of the tenant, .example for names.
environment     = "prod"
subscription_id = "00000000-0000-0000-0000-000000000040"
tenant_id       = "00000000-0000-0000-0000-0000000000ff"
organisation    = "lav"
location        = "francecentral"
owner           = "data-platform@refinery.example"

# outputs of stacks/10-connectivity
network = {
  address_space           = "10.64.16.0/22"
  endpoint_subnet_prefix  = "10.64.16.0/26"
  hub_address_prefix      = "10.64.0.0/23"
  virtual_hub_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000010/resourceGroups/rg-lav-conn-plt-frc-001/providers/Microsoft.Network/virtualHubs/vhub-lav-conn-plt-frc-001"
  dns_servers             = ["10.64.0.132"]
}
private_dns_resource_group_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000010/resourceGroups/rg-lav-conn-plt-frc-001"

# outputs of stacks/20-management
workspace_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000020/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.OperationalInsights/workspaces/log-lav-mgmt-plt-frc-001"
action_group_resource_ids = {
  operations = "/subscriptions/00000000-0000-0000-0000-000000000020/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.Insights/actionGroups/ag-lav-mgmt-plt-frc-001-operations"
  platform   = "/subscriptions/00000000-0000-0000-0000-000000000020/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.Insights/actionGroups/ag-lav-mgmt-plt-frc-001-platform"
  cost       = "/subscriptions/00000000-0000-0000-0000-000000000020/resourceGroups/rg-lav-mgmt-plt-frc-001/providers/Microsoft.Insights/actionGroups/ag-lav-mgmt-plt-frc-001-cost"
}

groups = {
  engineers = "00000000-0000-0000-0000-0000000000a1"
  operators = "00000000-0000-0000-0000-0000000000a2"
  fleet     = "00000000-0000-0000-0000-0000000000a3"
}

# 10,000 readings a second by six gateways, with room for a backlog: fieldgate cost --rate 10k/s --format columns --gateways 6
iot_hub           = { sku = "S1", capacity = 4 }
expected_gateways = 6
event_hubs        = { capacity = 1, maximum_capacity = 4 }
adx               = { sku = "Standard_E2ads_v5", capacity = 2, hot_cache_days = 31, soft_delete_days = 1827 }
lake              = { replication = "ZRS", raw_delete_days = 400, extra_containers = ["curated"] }
budget            = { amount = 2500, start_date = "2026-12-01T00:00:00Z" }

# The cluster stays closed; who opens it for Azure Monitor decides docs/cloud.md, completeness.
completeness_alert = null
