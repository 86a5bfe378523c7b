output "resource_id" {
  description = "Resource id of the provisioning service."
  value       = azapi_resource.this.id
}

output "name" {
  description = "Name of the provisioning service."
  value       = azapi_resource.this.name
}

output "hostname" {
  description = "global_endpoint of the devices' config.toml: the service's own name, which resolves to the private endpoint. The name global.azure-devices-provisioning.net does not."
  value       = local.hostname
}

output "id_scope" {
  description = "id_scope of the devices' config.toml."
  value       = try(azapi_resource.this.output.properties.idScope, null)
}

output "private_endpoints" {
  description = "Resource ids of the private endpoints by key."
  value       = { for key, one in module.private_endpoint : key => one.resource_id }
}
