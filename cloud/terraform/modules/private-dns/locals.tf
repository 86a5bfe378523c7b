locals {
  zones = toset([for name in var.zones : replace(name, "{region}", var.location)])

  links = merge([
    for zone in local.zones : {
      for key, network in var.links : "${zone} ${key}" => { zone = zone, key = key, network = network }
    }
  ]...)

  forwards = var.resolver == null ? {} : var.resolver.forwarding_rules
  outbound = var.resolver != null && try(var.resolver.outbound_subnet_resource_id, null) != null
  suffix   = var.resolver == null ? "" : trimprefix(var.resolver.name, "dnspr-")
}
