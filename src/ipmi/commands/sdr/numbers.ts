/** Commands of the SDR repository (§33). */
export const SdrCmd = { info: 0x20, allocation: 0x21, reserve: 0x22, getRecord: 0x23, getTime: 0x28 } as const;
