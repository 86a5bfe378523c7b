locals {
  resource_id      = azurerm_storage_account.this.id
  subresource_name = "dfs"

  # the account itself has metrics only; reads, writes and deletions are logged by its blob service
  observed_id = "${azurerm_storage_account.this.id}/blobServices/default"

  aged = { for name, one in var.containers : name => one if one.cool_after_days != null || one.delete_after_days != null }
}
