# The rules of the Terraform language itself, which are part of tflint. The ruleset for azurerm is not used: the bench
# holds arguments against the provider's own schema and rules (testing/README.md), and the ruleset's binaries are fetched
# from a place that CI does not reach.

config {
  call_module_type = "local"
}

plugin "terraform" {
  enabled = true
  preset  = "all"
}

# A module's files are named by topic: main.topic.tf, variables.topic.tf (checked by testing/static/layout.ts).
rule "terraform_standard_module_structure" {
  enabled = false
}

# An example names the providers of the modules that it shows, so that whoever copies it pins them.
rule "terraform_unused_required_providers" {
  enabled = false
}
