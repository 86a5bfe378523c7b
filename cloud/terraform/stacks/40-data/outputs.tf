output "iot_hub_hostname" {
  description = "Name that gateways connect to."
  value       = module.iot_hub.hostname
}

output "provisioning" {
  description = "global_endpoint and id_scope of the devices' config.toml."
  value       = { global_endpoint = "https://${module.iot_dps.hostname}", id_scope = module.iot_dps.id_scope }
}

output "registry_login_server" {
  description = "Where edge hosts pull images from."
  value       = module.registry.login_server
}

output "adx_uri" {
  description = "Where telemetry is asked, inside the network."
  value       = module.adx.uri
}

output "edge_names" {
  description = "This environment's entry of edge_environments in stacks/10-connectivity: the names that the firewall lets edge hosts reach."
  value = {
    iot_hub  = module.naming.names.iot_hub
    dps      = module.naming.names.dps
    registry = module.naming.names.container_registry
  }
}
