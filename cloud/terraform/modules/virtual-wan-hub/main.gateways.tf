resource "azurerm_express_route_gateway" "this" {
  count = var.express_route == null ? 0 : 1

  name                          = var.express_route.gateway_name
  resource_group_name           = var.resource_group_name
  location                      = var.location
  tags                          = var.tags
  virtual_hub_id                = azurerm_virtual_hub.this.id
  scale_units                   = var.express_route.scale_units
  allow_non_virtual_wan_traffic = false
}

resource "azurerm_express_route_connection" "this" {
  for_each = local.express_route_connections

  name                             = each.value.name
  express_route_gateway_id         = azurerm_express_route_gateway.this[0].id
  express_route_circuit_peering_id = each.value.circuit_peering_resource_id
  authorization_key                = lookup(var.express_route_authorization_keys, each.key, null)
  routing_weight                   = each.value.routing_weight
  internet_security_enabled        = true
}

resource "azurerm_vpn_gateway" "this" {
  count = var.vpn == null ? 0 : 1

  name                = var.vpn.gateway_name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
  virtual_hub_id      = azurerm_virtual_hub.this.id
  scale_unit          = var.vpn.scale_unit
  routing_preference  = "Microsoft Network"
}

resource "azurerm_vpn_site" "this" {
  for_each = local.vpn_sites

  name                = each.value.name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
  virtual_wan_id      = azurerm_virtual_wan.this.id
  address_cidrs       = length(each.value.address_cidrs) > 0 ? each.value.address_cidrs : null
  device_vendor       = each.value.device_vendor
  device_model        = each.value.device_model

  dynamic "link" {
    for_each = each.value.links
    content {
      name          = link.key
      ip_address    = link.value.ip_address
      speed_in_mbps = link.value.speed_in_mbps
      provider_name = link.value.provider_name

      dynamic "bgp" {
        for_each = link.value.bgp == null ? [] : [link.value.bgp]
        content {
          asn             = bgp.value.asn
          peering_address = bgp.value.peering_address
        }
      }
    }
  }
}

resource "azurerm_vpn_gateway_connection" "this" {
  for_each = local.vpn_sites

  name                      = each.value.connection_name
  vpn_gateway_id            = azurerm_vpn_gateway.this[0].id
  remote_vpn_site_id        = azurerm_vpn_site.this[each.key].id
  internet_security_enabled = true

  dynamic "vpn_link" {
    for_each = each.value.links
    content {
      name             = vpn_link.key
      vpn_site_link_id = "${azurerm_vpn_site.this[each.key].id}/vpnSiteLinks/${vpn_link.key}"
      bandwidth_mbps   = vpn_link.value.speed_in_mbps
      bgp_enabled      = vpn_link.value.bgp != null
      protocol         = "IKEv2"
      shared_key       = lookup(var.vpn_shared_keys, each.key, null)

      ipsec_policy {
        ike_encryption_algorithm = "AES256"
        ike_integrity_algorithm  = "SHA384"
        dh_group                 = "ECP384"
        encryption_algorithm     = "GCMAES256"
        integrity_algorithm      = "GCMAES256"
        pfs_group                = "ECP384"
        sa_lifetime_sec          = 3600
        sa_data_size_kb          = 102400000
      }
    }
  }

  lifecycle {
    precondition {
      condition     = contains(keys(var.vpn_shared_keys), each.key)
      error_message = "The VPN site ${each.key} has no pre-shared key: give it in vpn_shared_keys (TF_VAR_vpn_shared_keys), under the key ${each.key}."
    }
  }
}

module "vpn_gateway_diagnostics" {
  source = "../diagnostics"
  count  = var.vpn == null ? 0 : 1

  target_resource_id  = azurerm_vpn_gateway.this[0].id
  diagnostic_settings = var.diagnostic_settings
}

module "express_route_gateway_diagnostics" {
  source = "../diagnostics"
  count  = var.express_route == null ? 0 : 1

  target_resource_id = azurerm_express_route_gateway.this[0].id
  # the gateway has metrics and no logs
  diagnostic_settings = { for key, one in var.diagnostic_settings : key => merge(one, { log_groups = [], log_categories = [] }) }
}
