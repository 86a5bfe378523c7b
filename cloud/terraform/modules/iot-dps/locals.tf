locals {
  resource_id      = azapi_resource.this.id
  observed_id      = local.resource_id
  subresource_name = "iotDps"
  hostname         = "${var.name}.azure-devices-provisioning.net"
}
