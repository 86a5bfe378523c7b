output "names" {
  description = "Name by kind of resource: names.iot_hub, names.key_vault…"
  value       = local.names

  precondition {
    condition     = length(local.too_long) == 0
    error_message = "Too long: ${join(", ", local.too_long)}. Shorten organisation or workload."
  }
}

output "environment_code" {
  description = "Short form of the environment that stands in the names."
  value       = local.environment_codes[var.environment]
}

output "region_code" {
  description = "Short form of the region that stands in the names."
  value       = local.region_codes[var.location]
}
