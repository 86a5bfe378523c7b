locals {
  zones = toset([for name in var.zones : replace(name, "{region}", var.location)])

  links = merge([
    for zone in local.zones : {
      for key, network in var.links : "${zone} ${key}" => { zone = zone, key = key, network = network }
    }
  ]...)

  outbound = try(var.resolver.outbound, null)
  forwards = local.outbound == null ? {} : local.outbound.forwarding_rules
  suffix   = var.resolver == null ? "" : trimprefix(var.resolver.name, "dnspr-")
}
