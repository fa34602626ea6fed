/** Commands of payloads beside IPMI messages (§24), all of network function App. */
export const PayloadCmd = {
  activate: 0x48,
  deactivate: 0x49,
  activationStatus: 0x4a,
  instanceInfo: 0x4b,
  userAccess: 0x4d,
  channelSupport: 0x4e,
} as const;

/** The only instance of SOL that we use; BMCs have one serial port to offer. */
export const SOL_INSTANCE = 1;
