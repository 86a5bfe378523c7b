locals {
  zones = toset([for name in var.zones : replace(name, "{region}", var.location)])

  links = merge([
    for zone in local.zones : {
      for key, network in var.links : "${zone} ${key}" => { zone = zone, key = key, network = network }
    }
  ]...)

  # not try(): of a value that is not wholly known it says nothing, and a count needs an answer at the plan
  outbound = var.resolver == null ? null : var.resolver.outbound
  forwards = local.outbound == null ? {} : local.outbound.forwarding_rules
  suffix   = var.resolver == null ? "" : trimprefix(var.resolver.name, "dnspr-")
}
