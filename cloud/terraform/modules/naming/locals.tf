locals {
  region_codes = {
    francecentral      = "frc"
    francesouth        = "frs"
    westeurope         = "weu"
    northeurope        = "neu"
    germanywestcentral = "gwc"
  }

  environment_codes = {
    platform = "plt"
    prod     = "prod"
    preprod  = "pre"
    sandbox  = "sbx"
  }

  # Abbreviations of the Cloud Adoption Framework; lengths and characters of Azure. `dashes` false: letters and digits only.
  rules = {
    action_group             = { abbreviation = "ag", max = 260, dashes = true }
    adx_cluster              = { abbreviation = "dec", max = 22, dashes = false }
    application_insights     = { abbreviation = "appi", max = 260, dashes = true }
    bastion                  = { abbreviation = "bas", max = 80, dashes = true }
    budget                   = { abbreviation = "bdg", max = 63, dashes = true }
    container_registry       = { abbreviation = "cr", max = 50, dashes = false }
    data_collection_rule     = { abbreviation = "dcr", max = 64, dashes = true }
    data_lake                = { abbreviation = "dls", max = 24, dashes = false }
    dns_forwarding_ruleset   = { abbreviation = "dnsfrs", max = 80, dashes = true }
    dns_inbound_endpoint     = { abbreviation = "in", max = 80, dashes = true }
    dns_outbound_endpoint    = { abbreviation = "out", max = 80, dashes = true }
    dns_resolver             = { abbreviation = "dnspr", max = 80, dashes = true }
    dps                      = { abbreviation = "provs", max = 64, dashes = true }
    event_hub_namespace      = { abbreviation = "evhns", max = 50, dashes = true }
    express_route_connection = { abbreviation = "con", max = 80, dashes = true }
    express_route_gateway    = { abbreviation = "ergw", max = 80, dashes = true }
    firewall                 = { abbreviation = "afw", max = 56, dashes = true }
    firewall_policy          = { abbreviation = "afwp", max = 80, dashes = true }
    function_app             = { abbreviation = "func", max = 60, dashes = true }
    iot_hub                  = { abbreviation = "iot", max = 50, dashes = true }
    key_vault                = { abbreviation = "kv", max = 24, dashes = true }
    log_analytics            = { abbreviation = "log", max = 63, dashes = true }
    managed_identity         = { abbreviation = "id", max = 128, dashes = true }
    network_security_group   = { abbreviation = "nsg", max = 80, dashes = true }
    resource_group           = { abbreviation = "rg", max = 90, dashes = true }
    route_table              = { abbreviation = "rt", max = 80, dashes = true }
    service_plan             = { abbreviation = "asp", max = 60, dashes = true }
    storage_account          = { abbreviation = "st", max = 24, dashes = false }
    virtual_hub              = { abbreviation = "vhub", max = 80, dashes = true }
    virtual_network          = { abbreviation = "vnet", max = 64, dashes = true }
    virtual_wan              = { abbreviation = "vwan", max = 80, dashes = true }
    vpn_connection           = { abbreviation = "vcn", max = 80, dashes = true }
    vpn_gateway              = { abbreviation = "vpng", max = 80, dashes = true }
    vpn_site                 = { abbreviation = "vst", max = 80, dashes = true }
    web_app                  = { abbreviation = "app", max = 60, dashes = true }
  }

  parts = [
    var.organisation,
    var.workload,
    local.environment_codes[var.environment],
    local.region_codes[var.location],
    format("%03d", var.instance),
  ]

  names = {
    for kind, rule in local.rules :
    kind => join(rule.dashes ? "-" : "", concat([rule.abbreviation], local.parts))
  }

  too_long = [for kind, name in local.names : "${kind} ${name} (${length(name)} of ${local.rules[kind].max})" if length(name) > local.rules[kind].max]
}
