/** Commands of the system event log (§31). */
export const SelCmd = {
  info: 0x40,
  reserve: 0x42,
  getEntry: 0x43,
  addEntry: 0x44,
  clear: 0x47,
  getTime: 0x48,
  setTime: 0x49,
} as const;
