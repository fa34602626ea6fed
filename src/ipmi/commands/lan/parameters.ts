/** Commands of network function Transport (§23). */
export const LanCmd = { getConfig: 0x02 } as const;

/** LAN configuration parameters (§23.2, table 23-4) that are read. */
export const LanParameter = {
  setInProgress: 0,
  authSupport: 1,
  authEnables: 2,
  address: 3,
  source: 4,
  mac: 5,
  netmask: 6,
  ipHeader: 7,
  arpControl: 10,
  arpInterval: 11,
  gateway: 12,
  gatewayMac: 13,
  backupGateway: 14,
  backupGatewayMac: 15,
  community: 16,
  vlan: 20,
  vlanPriority: 21,
  suiteCount: 22,
  suites: 23,
  suitePrivileges: 24,
  badPassword: 26,
} as const;
