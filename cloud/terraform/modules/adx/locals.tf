locals {
  resource_id      = azurerm_kusto_cluster.this.id
  observed_id      = local.resource_id
  subresource_name = "cluster"
}
