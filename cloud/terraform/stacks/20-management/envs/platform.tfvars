# Placeholders: 00000000… stands for ids of the tenant, .example for names.
subscription_id = "00000000-0000-0000-0000-000000000020"
organisation    = "lav"
location        = "francecentral"
owner           = "platform@refinery.example"

action_groups = {
  operations = { short_name = "telemetry", emails = { control-room = "control-room@refinery.example", data-platform = "data-platform@refinery.example" } }
  platform   = { short_name = "platform", emails = { platform = "platform@refinery.example" } }
  cost       = { short_name = "cost", emails = { finance = "cloud-cost@refinery.example" } }
}
