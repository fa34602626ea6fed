/** Commands of FRU inventories (§34). */
export const FruCmd = { info: 0x10, read: 0x11 } as const;
