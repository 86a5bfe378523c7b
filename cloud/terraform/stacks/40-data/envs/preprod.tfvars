# Placeholders: 00000000… stands for ids of the tenant, .example for names.
environment     = "preprod"
subscription_id = "00000000-0000-0000-0000-000000000041"
tenant_id       = "00000000-0000-0000-0000-0000000000ff"
organisation    = "lav"
location        = "francecentral"
owner           = "data-platform@refinery.example"

# outputs of stacks/10-connectivity
network = {
  address_space           = "10.64.20.0/22"
  endpoint_subnet_prefix  = "10.64.20.0/26"
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

iot_hub           = { sku = "S1", capacity = 1 }
expected_gateways = 1
event_hubs        = { capacity = 1, maximum_capacity = 2 }
adx               = { sku = "Dev(No SLA)_Standard_E2a_v4", capacity = 1, zones = [], hot_cache_days = 7, soft_delete_days = 31 }
lake              = { replication = "LRS", raw_delete_days = 45 }
budget            = { amount = 500, start_date = "2026-12-01T00:00:00Z" }
