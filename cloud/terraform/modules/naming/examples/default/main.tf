module "naming" {
  source = "../.."

  organisation = "lav"
  workload     = "data"
  environment  = "prod"
  location     = "francecentral"
}

output "names" {
  description = "All names of the data zone in production."
  value       = module.naming.names
}
