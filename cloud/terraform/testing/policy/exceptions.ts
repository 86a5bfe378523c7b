// What may differ from a policy, and why. One that nothing needs any more is a finding too.

export interface Exception {
  readonly policy: string;
  /** Of the address of the resource. */
  readonly address: RegExp;
  readonly path: string;
  readonly reason: string;
}

export const EXCEPTIONS: readonly Exception[] = [
  {
    policy: 'public-access',
    address: /\bazurerm_storage_account\./,
    path: 'public_network_access_enabled',
    reason:
      'IoT Hub writes its routes to the public name of the account as a trusted service; the firewall refuses everybody else (policy closed-by-default)',
  },
  {
    policy: 'public-access',
    address: /\bazurerm_eventhub_namespace\./,
    path: 'public_network_access_enabled',
    reason:
      'IoT Hub routes to the public name of the namespace as a trusted service; the firewall refuses everybody else (policy closed-by-default)',
  },
];
