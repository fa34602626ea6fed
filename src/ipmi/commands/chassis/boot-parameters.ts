/** Boot option parameters (§28.13 table 28-14). */
export const BootParameter = { setInProgress: 0, flagValidClearing: 3, infoAcknowledge: 4, flags: 5 } as const;

/** Do not clear the boot flags when no power-on follows within 60 s (parameter 3, bit 3). */
export const KEEP_FLAGS_WITHOUT_POWER_ON = 0x08;
