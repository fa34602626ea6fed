/** Commands of network function App (§20, §22). */
export const AppCmd = {
  getDeviceId: 0x01,
  coldReset: 0x02,
  warmReset: 0x03,
  getDeviceGuid: 0x08,
  getSystemGuid: 0x37,
  getChannelAuthCapabilities: 0x38,
  getSessionChallenge: 0x39,
  activateSession: 0x3a,
  setSessionPrivilege: 0x3b,
  closeSession: 0x3c,
  getSessionInfo: 0x3d,
  getChannelAccess: 0x41,
  getChannelInfo: 0x42,
  getUserAccess: 0x44,
  getUserName: 0x46,
  getChannelCipherSuites: 0x54,
} as const;
