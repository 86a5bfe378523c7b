# The data zone: what gateways connect to, and where readings go. Order: network, then what routes lead to, then the hub.

module "naming" {
  source = "../../modules/naming"

  organisation = var.organisation
  workload     = "data"
  environment  = var.environment
  location     = var.location
}

resource "azurerm_resource_group" "this" {
  name     = module.naming.names.resource_group
  location = var.location
  tags     = local.tags
}

module "network" {
  source = "../../modules/spoke-network"

  name                   = module.naming.names.virtual_network
  resource_group_name    = azurerm_resource_group.this.name
  location               = var.location
  tags                   = local.tags
  address_space          = [var.network.address_space]
  dns_servers            = var.network.dns_servers
  virtual_hub_connection = { virtual_hub_resource_id = var.network.virtual_hub_resource_id }
  diagnostic_settings    = local.diagnostics
  lock                   = local.lock

  subnets = {
    snet-pep = {
      address_prefix = var.network.endpoint_subnet_prefix
      security_rules = {
        # the firewall translates: what it lets through comes from the hub's range, whoever sent it
        from-hub-in = {
          priority                = 100
          direction               = "Inbound"
          access                  = "Allow"
          protocol                = "Tcp"
          source_address_prefixes = [var.network.hub_address_prefix]
          destination_port_ranges = ["443", "5671", "8883"]
          description             = "Edge hosts and engineers, through the firewall"
        }
        rest-in = {
          priority    = 4096
          direction   = "Inbound"
          access      = "Deny"
          protocol    = "*"
          description = "Nobody else"
        }
      }
    }
  }
}

module "key_vault" {
  source = "../../modules/key-vault"

  name                = module.naming.names.key_vault
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
  tenant_id           = var.tenant_id
  lock                = local.lock
  diagnostic_settings = local.diagnostics
  private_endpoints = {
    vault = {
      subnet_resource_id            = local.endpoint_subnet
      private_dns_zone_resource_ids = [local.zone["privatelink.vaultcore.azure.net"]]
    }
  }
}

module "registry" {
  source = "../../modules/container-registry"

  name                    = module.naming.names.container_registry
  resource_group_name     = azurerm_resource_group.this.name
  location                = var.location
  tags                    = local.tags
  zone_redundancy_enabled = local.production
  edge_pull_tokens        = { edge-pull = { repositories = var.edge_repositories } }
  lock                    = local.lock
  diagnostic_settings     = local.diagnostics
  private_endpoints = {
    registry = {
      subnet_resource_id            = local.endpoint_subnet
      private_dns_zone_resource_ids = [local.zone["privatelink.azurecr.io"]]
    }
  }
}

module "budget" {
  source = "../../modules/budget"

  name                       = module.naming.names.budget
  resource_group_resource_id = azurerm_resource_group.this.id
  amount                     = var.budget.amount
  start_date                 = var.budget.start_date
  action_group_resource_ids  = [var.action_group_resource_ids["cost"]]
}
