output "resource_id" {
  description = "Resource id of the network."
  value       = azurerm_virtual_network.this.id
}

output "name" {
  description = "Name of the network."
  value       = azurerm_virtual_network.this.name
}

output "subnets" {
  description = "Resource id and range of each subnet by its name."
  value = { for name, one in var.subnets : name => {
    resource_id    = "${azurerm_virtual_network.this.id}/subnets/${name}"
    address_prefix = one.address_prefix
  } }
}
