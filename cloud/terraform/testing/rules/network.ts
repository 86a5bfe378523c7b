// Networks, Virtual WAN, firewall, gateways, private DNS and private endpoints: what azurerm's pages of these types say
// and its schema does not.

import { armId, type Check, cidr, each, items, name, oneOf, pattern, range, uuid } from './check.ts';
import { atLeastOne, conflicts, exactlyOne, type Rules } from './rule.ts';

const ipv4 = pattern(/^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/, 'an IPv4 address', '10.0.0.300', 'dns');
const POLICIES = oneOf('Disabled', 'Enabled', 'NetworkSecurityGroupEnabled', 'RouteTableEnabled');
const PRIORITY = range(100, 65_000);
const ACTION = oneOf('Allow', 'Deny');
const MODE = oneOf('Off', 'Alert', 'Deny');
/** `*`, a port, or a range of ports. */
const ports = each(pattern(/^(?:\*|\d{1,5}(?:-\d{1,5})?)$/, 'a port, a range such as 5671-5672, or *', 'https'));
/** `*`, an address, a network, or a range of addresses. */
const addresses = each(
  pattern(
    /^(?:\*|[\d.]+(?:\/\d{1,2})?|[\d.]+-[\d.]+|[\da-f:]+(?:\/\d{1,3})?|[A-Z]\w+(?:\.\w+)?)$/i,
    'an address, a network, a range, * or a service tag',
    'a b',
  ),
);

const SECURITY_RULE: Readonly<Record<string, Check>> = {
  protocol: oneOf('*', 'Ah', 'Esp', 'Icmp', 'Tcp', 'Udp'),
  access: ACTION,
  direction: oneOf('Inbound', 'Outbound'),
  priority: range(100, 4096),
  description: name(0, 140, /^[\s\S]*$/, 'any characters'),
};

const below = (path: string, checks: Readonly<Record<string, Check>>): Record<string, Check> =>
  Object.fromEntries(Object.entries(checks).map(([key, check]) => [`${path}.${key}`, check]));

/** Both forms of an endpoint of a rule: one, or several. */
const ENDS = [
  exactlyOne('source_port_range', 'source_port_ranges'),
  exactlyOne('destination_port_range', 'destination_port_ranges'),
  exactlyOne('source_address_prefix', 'source_address_prefixes', 'source_application_security_group_ids'),
  exactlyOne(
    'destination_address_prefix',
    'destination_address_prefixes',
    'destination_application_security_group_ids',
  ),
];

/** Each private link resource has its own subresources; what fits which is checked against the plan. */
const SUBRESOURCE = oneOf(
  ...[
    'iotHub',
    'iotDps',
    'namespace',
    'blob',
    'blob_secondary',
    'dfs',
    'dfs_secondary',
    'queue',
    'table',
    'file',
    'web',
  ],
  ...[
    'vault',
    'registry',
    'cluster',
    'sites',
    'azuremonitor',
    'account',
    'sqlServer',
    'managedhsm',
    'gateway',
    'Webhook',
  ],
);

export const NETWORK: Rules = {
  azurerm_virtual_network: {
    fields: {
      address_space: each(cidr),
      dns_servers: each(ipv4),
      flow_timeout_in_minutes: range(4, 30, 'minutes'),
      'encryption.enforcement': oneOf('AllowUnencrypted', 'DropUnencrypted'),
    },
    relations: { '': [exactlyOne('address_space', 'ip_address_pool')] },
  },
  azurerm_subnet: {
    fields: {
      address_prefixes: each(cidr),
      private_endpoint_network_policies: POLICIES,
      'delegation.service_delegation.name': pattern(
        /^[A-Z]\w+(?:\.\w+)*\/\w+(?:\/\w+)*$/,
        'a resource type such as Microsoft.Network/dnsResolvers',
        'dnsResolvers',
      ),
    },
    relations: { '': [exactlyOne('address_prefixes', 'ip_address_pool')] },
  },
  azurerm_network_security_group: { fields: below('security_rule', SECURITY_RULE) },
  azurerm_network_security_rule: { fields: SECURITY_RULE, relations: { '': ENDS } },
  azurerm_public_ip: {
    fields: {
      allocation_method: oneOf('Static', 'Dynamic'),
      sku: oneOf('Basic', 'Standard'),
      sku_tier: oneOf('Regional', 'Global'),
      ip_version: oneOf('IPv4', 'IPv6'),
      idle_timeout_in_minutes: range(4, 30, 'minutes'),
      ddos_protection_mode: oneOf('Disabled', 'Enabled', 'VirtualNetworkInherited'),
    },
  },
  azurerm_private_endpoint: {
    fields: {
      'private_service_connection.subresource_names': each(SUBRESOURCE),
      'private_service_connection.request_message': name(1, 140, /^[\s\S]*$/, 'any characters'),
      'ip_configuration.private_ip_address': ipv4,
    },
    relations: {
      private_service_connection: [exactlyOne('private_connection_resource_id', 'private_connection_resource_alias')],
    },
  },
  azurerm_virtual_wan: {
    fields: {
      type: oneOf('Basic', 'Standard'),
      office365_local_breakout_category: oneOf('All', 'None', 'Optimize', 'OptimizeAndAllow'),
    },
  },
  azurerm_virtual_hub: {
    fields: {
      address_prefix: cidr,
      sku: oneOf('Basic', 'Standard'),
      hub_routing_preference: oneOf('ExpressRoute', 'ASPath', 'VpnGateway'),
      virtual_router_auto_scale_min_capacity: range(2, 50),
    },
  },
  azurerm_virtual_hub_connection: {
    fields: {
      'routing.static_vnet_local_route_override_criteria': oneOf('Contains', 'Equal'),
      'routing.static_vnet_route.next_hop_ip_address': ipv4,
      'routing.static_vnet_route.address_prefixes': each(cidr),
    },
    relations: {
      routing: [atLeastOne('associated_route_table_id', 'propagated_route_table', 'static_vnet_route')],
    },
  },
  azurerm_virtual_hub_routing_intent: {
    fields: { 'routing_policy.destinations': each(oneOf('Internet', 'PrivateTraffic')) },
  },
  azurerm_firewall: {
    fields: {
      sku_name: oneOf('AZFW_Hub', 'AZFW_VNet'),
      sku_tier: oneOf('Basic', 'Premium', 'Standard'),
      threat_intel_mode: MODE,
      'virtual_hub.public_ip_count': range(1, 80),
    },
    relations: { '': [conflicts('virtual_hub', 'ip_configuration')] },
  },
  azurerm_firewall_policy: {
    fields: {
      sku: oneOf('Basic', 'Premium', 'Standard'),
      threat_intelligence_mode: MODE,
      'dns.servers': each(ipv4),
      'intrusion_detection.mode': MODE,
      'intrusion_detection.signature_overrides.state': MODE,
      'intrusion_detection.traffic_bypass.protocol': oneOf('ANY', 'ICMP', 'TCP', 'UDP'),
      'insights.retention_in_days': range(0, 365, 'days'),
      'insights.default_log_analytics_workspace_id': armId('Microsoft.OperationalInsights/workspaces/{}'),
      private_ip_ranges: each(cidr),
    },
  },
  azurerm_firewall_policy_rule_collection_group: {
    fields: {
      priority: PRIORITY,
      'application_rule_collection.priority': PRIORITY,
      'application_rule_collection.action': ACTION,
      'application_rule_collection.rule.protocols.type': oneOf('Http', 'Https', 'Mssql'),
      'application_rule_collection.rule.protocols.port': range(0, 64_000),
      'application_rule_collection.rule.source_addresses': addresses,
      'network_rule_collection.priority': PRIORITY,
      'network_rule_collection.action': ACTION,
      'network_rule_collection.rule.protocols': each(oneOf('Any', 'ICMP', 'TCP', 'UDP')),
      'network_rule_collection.rule.source_addresses': addresses,
      'network_rule_collection.rule.destination_addresses': addresses,
      'network_rule_collection.rule.destination_ports': ports,
      'nat_rule_collection.priority': PRIORITY,
      'nat_rule_collection.action': oneOf('Dnat'),
    },
    relations: {
      'network_rule_collection.rule': [
        atLeastOne('source_addresses', 'source_ip_groups'),
        exactlyOne('destination_addresses', 'destination_ip_groups', 'destination_fqdns'),
      ],
      'application_rule_collection.rule': [
        atLeastOne('source_addresses', 'source_ip_groups'),
        atLeastOne('destination_fqdns', 'destination_urls', 'destination_fqdn_tags', 'web_categories'),
        conflicts('destination_fqdns', 'destination_fqdn_tags'),
      ],
    },
  },
  azurerm_express_route_gateway: { fields: { scale_units: range(1, 10) } },
  azurerm_express_route_connection: {
    fields: { authorization_key: uuid, routing_weight: range(0, 32_000) },
    relations: { routing: [atLeastOne('associated_route_table_id', 'propagated_route_table')] },
  },
  azurerm_vpn_gateway: {
    fields: {
      routing_preference: oneOf('Microsoft Network', 'Internet'),
      scale_unit: range(0, 200),
      'bgp_settings.asn': range(1, 4_294_967_295),
    },
  },
  azurerm_vpn_site: {
    fields: {
      address_cidrs: each(cidr),
      'link.ip_address': ipv4,
      'link.speed_in_mbps': range(0, 100_000),
      'link.bgp.asn': range(1, 4_294_967_295),
      'link.bgp.peering_address': ipv4,
    },
    relations: { link: [atLeastOne('ip_address', 'fqdn')] },
  },
  azurerm_vpn_gateway_connection: {
    fields: {
      'vpn_link.protocol': oneOf('IKEv1', 'IKEv2'),
      'vpn_link.connection_mode': oneOf('Default', 'InitiatorOnly', 'ResponderOnly'),
      'vpn_link.dpd_timeout_seconds': range(9, 3600, 'seconds'),
      'vpn_link.bandwidth_mbps': range(1, 100_000),
      'vpn_link.route_weight': range(0, 100_000),
      'vpn_link.ipsec_policy.sa_lifetime_sec': range(300, 172_799, 'seconds'),
      'vpn_link.ipsec_policy.sa_data_size_kb': range(0, 2_147_483_647, 'kB'),
      'vpn_link.ipsec_policy.encryption_algorithm': oneOf(
        ...['AES128', 'AES192', 'AES256', 'DES', 'DES3', 'GCMAES128', 'GCMAES192', 'GCMAES256', 'None'],
      ),
      'vpn_link.ipsec_policy.integrity_algorithm': oneOf(
        'GCMAES128',
        'GCMAES192',
        'GCMAES256',
        'MD5',
        'SHA1',
        'SHA256',
      ),
      'vpn_link.ipsec_policy.ike_encryption_algorithm': oneOf(
        'AES128',
        'AES192',
        'AES256',
        'DES',
        'DES3',
        'GCMAES128',
        'GCMAES256',
      ),
      'vpn_link.ipsec_policy.ike_integrity_algorithm': oneOf(
        'GCMAES128',
        'GCMAES256',
        'MD5',
        'SHA1',
        'SHA256',
        'SHA384',
      ),
      'vpn_link.ipsec_policy.dh_group': oneOf(
        'DHGroup1',
        'DHGroup14',
        'DHGroup2',
        'DHGroup2048',
        'DHGroup24',
        'ECP256',
        'ECP384',
        'None',
      ),
      'vpn_link.ipsec_policy.pfs_group': oneOf(
        'ECP256',
        'ECP384',
        'None',
        'PFS1',
        'PFS14',
        'PFS2',
        'PFS2048',
        'PFS24',
        'PFSMM',
      ),
      'traffic_selector_policy.local_address_ranges': each(cidr),
      'traffic_selector_policy.remote_address_ranges': each(cidr),
    },
  },
  azurerm_bastion_host: {
    fields: { sku: oneOf('Basic', 'Developer', 'Premium', 'Standard'), scale_units: range(2, 50) },
  },
  azurerm_private_dns_zone_virtual_network_link: {
    fields: { resolution_policy: oneOf('Default', 'NxDomainRedirect') },
  },
  azurerm_private_dns_resolver_inbound_endpoint: {
    fields: {
      'ip_configurations.private_ip_allocation_method': oneOf('Dynamic', 'Static'),
      'ip_configurations.private_ip_address': ipv4,
    },
  },
  azurerm_private_dns_resolver_dns_forwarding_ruleset: {
    fields: { private_dns_resolver_outbound_endpoint_ids: { ...items(1, 2), wrong: [['a', 'b', 'c']] } as Check },
  },
  azurerm_private_dns_resolver_forwarding_rule: {
    fields: {
      domain_name: pattern(
        /^(?:\.|(?:[\w-]{1,63}\.){1,34})$/,
        'a domain that ends in a dot, such as corp.example.',
        'corp.example',
      ),
      'target_dns_servers.ip_address': ipv4,
      'target_dns_servers.port': range(1, 65_535),
    },
  },
  azurerm_route_table: {
    fields: {
      'route.next_hop_type': oneOf('Internet', 'None', 'VirtualAppliance', 'VirtualNetworkGateway', 'VnetLocal'),
    },
  },
};
