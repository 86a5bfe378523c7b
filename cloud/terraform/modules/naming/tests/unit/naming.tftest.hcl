# No provider: names are arithmetic.

variables {
  organisation = "lav"
  workload     = "data"
  environment  = "prod"
  location     = "francecentral"
}

run "names_follow_the_pattern" {
  command = plan

  assert {
    condition     = output.names.iot_hub == "iot-lav-data-prod-frc-001"
    error_message = "An IoT hub is iot-<organisation>-<workload>-<environment>-<region>-<nnn>, got ${output.names.iot_hub}."
  }
  assert {
    condition     = output.names.data_lake == "dlslavdataprodfrc001"
    error_message = "A storage account has no dashes, got ${output.names.data_lake}."
  }
  assert {
    condition     = alltrue([for name in values(output.names) : can(regex("^[a-z][a-z0-9-]*[a-z0-9]$", name))])
    error_message = "Names are lower-case letters, digits and dashes, and do not end with a dash."
  }
  assert {
    condition     = length(distinct(values(output.names))) == length(output.names)
    error_message = "Two kinds share a name."
  }
  assert {
    condition     = length(output.names.key_vault) == 24 && length(output.names.adx_cluster) <= 22
    error_message = "The narrowest names must fit: 24 characters for a key vault, 22 for a cluster."
  }
}

run "preprod_and_another_instance" {
  command = plan

  variables {
    environment = "preprod"
    location    = "westeurope"
    instance    = 12
  }

  assert {
    condition     = output.names.resource_group == "rg-lav-data-pre-weu-012"
    error_message = "got ${output.names.resource_group}"
  }
  assert {
    condition     = output.environment_code == "pre" && output.region_code == "weu"
    error_message = "The codes in the names are given out too."
  }
}

run "names_that_are_too_long_are_refused" {
  command = plan

  variables {
    organisation = "lavr"
    workload     = "datalk"
  }

  expect_failures = [output.names]
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    organisation = "Refinery"
    workload     = "connectivity"
    environment  = "production"
    location     = "France Central"
    instance     = 1.5
  }

  expect_failures = [var.organisation, var.workload, var.environment, var.location, var.instance]
}
