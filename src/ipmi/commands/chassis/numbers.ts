/** Commands of network function Chassis (§28). */
export const ChassisCmd = {
  getStatus: 0x01,
  control: 0x02,
  identify: 0x04,
  setRestorePolicy: 0x06,
  getRestartCause: 0x07,
  setBootOptions: 0x08,
  getBootOptions: 0x09,
} as const;
