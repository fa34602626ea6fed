/** Commands of sensors (§35). */
export const SensorCmd = {
  getFactors: 0x23,
  getHysteresis: 0x25,
  getThresholds: 0x27,
  getReading: 0x2d,
} as const;
