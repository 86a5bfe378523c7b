// Monitoring, budgets, roles, locks and identities: what azurerm's pages of these types say and its schema does not.

import { armId, type Check, each, items, name, oneOf, oneOfNumbers, pattern, range, uuid } from './check.ts';
import { atLeastOne, conflicts, exactlyOne, type Rules, requires } from './rule.ts';

const RULE_TIMES = [
  'PT1M',
  'PT5M',
  'PT10M',
  'PT15M',
  'PT30M',
  'PT45M',
  'PT1H',
  'PT2H',
  'PT3H',
  'PT4H',
  'PT5H',
  'PT6H',
  'P1D',
];
const LONGER = [...RULE_TIMES, 'P2D'];
const AGGREGATION = oneOf('Average', 'Count', 'Minimum', 'Maximum', 'Total');
const DIMENSION = oneOf('Include', 'Exclude', 'StartsWith');
const email = pattern(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, 'an e-mail address', 'nobody');
const url = pattern(/^https?:\/\/[^\s/]+/, 'an address that starts with https://', 'hooks.example.com');
const utc = pattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'a time such as 2027-01-01T00:00:00Z', '2027-01-01');

/** The first of a month, midnight UTC, June 2017 or later. */
const monthStart: Check = {
  judge: (value) =>
    /^\d{4}-\d\d-01T00:00:00Z$/.test(String(value)) && String(value) >= '2017-06'
      ? undefined
      : `must be the first of a month, such as 2027-01-01T00:00:00Z; it is "${value}"`,
  wrong: ['2027-01-15T00:00:00Z', '2016-01-01T00:00:00Z', '2027-01-01'],
};

const BUDGET = {
  fields: {
    amount: { ...range(1, Number.MAX_SAFE_INTEGER), wrong: [0] } as Check,
    time_grain: oneOf('BillingAnnual', 'BillingMonth', 'BillingQuarter', 'Annually', 'Monthly', 'Quarterly'),
    'time_period.start_date': monthStart,
    'time_period.end_date': utc,
    'notification.threshold': range(0, 1000, 'percent'),
    'notification.threshold_type': oneOf('Actual', 'Forecasted'),
    'notification.operator': oneOf('EqualTo', 'GreaterThan', 'GreaterThanOrEqualTo'),
    'notification.contact_emails': each(email),
  },
  relations: {
    notification: [atLeastOne('contact_emails', 'contact_groups', 'contact_roles')],
    filter: [atLeastOne('dimension', 'tag')],
  },
} as const;

export const PLATFORM: Rules = {
  azurerm_monitor_diagnostic_setting: {
    fields: { log_analytics_destination_type: oneOf('Dedicated', 'AzureDiagnostics') },
    relations: {
      '': [
        atLeastOne(
          'eventhub_authorization_rule_id',
          'log_analytics_workspace_id',
          'storage_account_id',
          'partner_solution_id',
        ),
        atLeastOne('enabled_log', 'enabled_metric', 'metric'),
      ],
      enabled_log: [exactlyOne('category', 'category_group')],
    },
  },
  azurerm_monitor_action_group: {
    fields: {
      short_name: name(1, 12, /^[\s\S]+$/, 'any characters'),
      'email_receiver.email_address': email,
      'webhook_receiver.service_uri': url,
      'arm_role_receiver.role_id': uuid,
    },
  },
  azurerm_monitor_metric_alert: {
    fields: {
      severity: range(0, 4),
      frequency: oneOf('PT1M', 'PT5M', 'PT15M', 'PT30M', 'PT1H'),
      window_size: oneOf('PT1M', 'PT5M', 'PT15M', 'PT30M', 'PT1H', 'PT6H', 'PT12H', 'P1D'),
      'criteria.aggregation': AGGREGATION,
      'criteria.operator': oneOf('Equals', 'GreaterThan', 'GreaterThanOrEqual', 'LessThan', 'LessThanOrEqual'),
      'criteria.dimension.operator': DIMENSION,
      'dynamic_criteria.aggregation': AGGREGATION,
      'dynamic_criteria.operator': oneOf('LessThan', 'GreaterThan', 'GreaterOrLessThan'),
      'dynamic_criteria.alert_sensitivity': oneOf('Low', 'Medium', 'High'),
      'dynamic_criteria.dimension.operator': DIMENSION,
    },
    relations: {
      '': [exactlyOne('criteria', 'dynamic_criteria', 'application_insights_web_test_location_availability_criteria')],
    },
  },
  azurerm_monitor_scheduled_query_rules_alert_v2: {
    fields: {
      severity: range(0, 4),
      evaluation_frequency: oneOf(...RULE_TIMES),
      window_duration: oneOf(...LONGER),
      mute_actions_after_alert_duration: oneOf(...LONGER.filter((time) => time !== 'PT1M')),
      query_time_range_override: oneOf(...LONGER.filter((time) => time !== 'PT1M'), 'PT20M'),
      scopes: { ...items(1, 1), wrong: [['/subscriptions/a', '/subscriptions/b']] } as Check,
      'criteria.operator': oneOf('Equal', 'GreaterThan', 'GreaterThanOrEqual', 'LessThan', 'LessThanOrEqual'),
      'criteria.time_aggregation_method': AGGREGATION,
      'criteria.dimension.operator': oneOf('Include', 'Exclude'),
      'criteria.failing_periods.minimum_failing_periods_to_trigger_alert': range(1, 6),
      'criteria.failing_periods.number_of_evaluation_periods': range(1, 6),
    },
  },
  azurerm_application_insights: {
    fields: {
      application_type: oneOf('ios', 'java', 'MobileCenter', 'Node.JS', 'other', 'phone', 'store', 'web'),
      retention_in_days: oneOfNumbers(30, 60, 90, 120, 180, 270, 365, 550, 730),
      sampling_percentage: range(0, 100, 'percent'),
      workspace_id: armId('Microsoft.OperationalInsights/workspaces/{}'),
    },
  },
  azurerm_consumption_budget_resource_group: BUDGET,
  azurerm_consumption_budget_subscription: {
    fields: { ...BUDGET.fields, subscription_id: armId('/subscriptions/{}') },
    relations: BUDGET.relations,
  },
  azurerm_role_assignment: {
    fields: {
      name: uuid,
      principal_type: oneOf('User', 'Group', 'ServicePrincipal'),
      condition_version: oneOf('1.0', '2.0'),
    },
    relations: {
      '': [
        exactlyOne('role_definition_id', 'role_definition_name'),
        requires('condition', 'condition_version'),
        requires('condition_version', 'condition'),
      ],
    },
  },
  azurerm_management_lock: {
    fields: {
      lock_level: oneOf('CanNotDelete', 'ReadOnly'),
      notes: name(0, 512, /^[\s\S]*$/, 'any characters'),
    },
  },
  azurerm_user_assigned_identity: { fields: { isolation_scope: oneOf('Regional') } },
  azurerm_federated_identity_credential: {
    fields: {
      audience: { ...items(1, 1), wrong: [['a', 'b']] } as Check,
      issuer: url,
    },
    relations: { '': [conflicts('user_assigned_identity_id', 'parent_id')] },
  },
};
