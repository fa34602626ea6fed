/** Event/reading type codes with a meaning for this file (§42.1). */
export const EventType = { threshold: 0x01, sensorSpecific: 0x6f } as const;

/** Names of sensor types (§42.2 table 42-3), by code. */
const SENSOR_TYPES: readonly string[] = (
  '|Temperature|Voltage|Current|Fan|Physical security|Platform security|Processor|Power supply|Power unit|' +
  'Cooling device|Other units|Memory|Drive slot|POST memory resize|System firmware|Event log|Watchdog|System event|' +
  'Critical interrupt|Button|Module or board|Microcontroller|Add-in card|Chassis|Chip set|Other FRU|Cable|Terminator|' +
  'System boot|Boot error|OS boot|OS stop|Slot or connector|ACPI state|Watchdog 2|Platform alert|Entity presence|' +
  'Monitor ASIC|LAN|Management subsystem|Battery|Session audit|Version change|FRU state'
).split('|');

export function sensorTypeText(code: number): string {
  return SENSOR_TYPES[code] || `Sensor type 0x${code.toString(16).padStart(2, '0')}`;
}

/** Texts of offsets 0, 1, … of generic event types (§42.1 table 42-2). Empty: reserved. */
const GENERIC: Readonly<Record<number, string>> = {
  0x01:
    'below lower non-critical|back above lower non-critical|below lower critical|back above lower critical|' +
    'below lower non-recoverable|back above lower non-recoverable|back below upper non-critical|' +
    'above upper non-critical|back below upper critical|above upper critical|back below upper non-recoverable|' +
    'above upper non-recoverable',
  0x02: 'idle|active|busy',
  0x03: 'state deasserted|state asserted',
  0x04: 'no failure predicted|failure predicted',
  0x05: 'limit not exceeded|limit exceeded',
  0x06: 'performance met|performance lags',
  0x07: 'OK|non-critical from OK|critical from less severe|non-recoverable from less severe|non-critical from more severe|critical from non-recoverable|non-recoverable|monitor|informational',
  0x08: 'absent|present',
  0x09: 'disabled|enabled',
  0x0a: 'running|in test|power off|on line|off line|off duty|degraded|power save|install error',
  0x0b: 'fully redundant|redundancy lost|redundancy degraded|not redundant, sufficient, from redundant|not redundant, sufficient, from insufficient|not redundant, insufficient resources|redundancy degraded from full|redundancy degraded from none',
  0x0c: 'D0|D1|D2|D3',
};

/** Texts of offsets of the sensor-specific event type, by sensor type (§42.2 table 42-3). */
const SPECIFIC: Readonly<Record<number, string>> = {
  0x05: 'general chassis intrusion|drive bay intrusion|I/O card area intrusion|processor area intrusion|LAN leash lost|unauthorized dock|fan area intrusion',
  0x06: 'front panel lockout violation|pre-boot user password violation|pre-boot setup password violation|pre-boot network password violation|other pre-boot password violation|out-of-band password violation',
  0x07: 'internal error|thermal trip|BIST failure|hang in POST|startup failure|configuration error|SMBIOS uncorrectable CPU error|present|disabled|terminator present|throttled|uncorrectable machine check|correctable machine check',
  0x08: 'present|failure detected|predictive failure|input lost|input lost or out of range|input out of range|configuration error|standby',
  0x09: 'off|power cycled|240 VA power down|interlock power down|AC lost|soft power control failure|failure detected|predictive failure',
  0x0c: 'correctable ECC|uncorrectable ECC|parity error|scrub failed|device disabled|correctable ECC limit reached|present|configuration error|spare|throttled|critical overtemperature',
  0x0d: 'present|drive fault|predictive failure|hot spare|consistency check in progress|in critical array|in failed array|rebuild in progress|rebuild aborted',
  0x0f: 'firmware error|firmware hang|firmware progress',
  0x10: 'correctable logging disabled|event logging disabled|log cleared|all logging disabled|log full|log almost full|correctable machine check logging disabled',
  0x11: 'BIOS watchdog reset|OS watchdog reset|OS watchdog shut down|OS watchdog power down|OS watchdog power cycle|OS watchdog NMI|OS watchdog expired|OS pre-timeout interrupt',
  0x12: 'reconfigured|OEM boot event|undetermined hardware failure|entry added to auxiliary log|PEF action|clock synchronized',
  0x13: 'front panel NMI|bus timeout|I/O check NMI|software NMI|PCI PERR|PCI SERR|EISA fail-safe timeout|bus correctable error|bus uncorrectable error|fatal NMI|bus fatal error|bus degraded',
  0x14: 'power button pressed|sleep button pressed|reset button pressed|FRU latch open|FRU service requested',
  0x19: 'soft power control failure|thermal trip',
  0x1b: 'connected|cable fault',
  0x1d: 'power up|hard reset|warm reset|user requested PXE boot|automatic diagnostic boot|OS hard reset|OS warm reset|restart',
  0x1e: 'no bootable media|no bootable diskette|PXE server not found|invalid boot sector|boot selection timed out',
  0x1f: 'A: boot completed|C: boot completed|PXE boot completed|diagnostic boot completed|CD-ROM boot completed|ROM boot completed|boot completed|installation started|installation completed|installation aborted|installation failed',
  0x20: 'stopped during load|run-time stop|graceful stop|graceful shutdown|soft shutdown by PEF|agent not responding',
  0x21: 'fault|identify|device attached|ready for installation|ready for removal|power off|removal requested|interlock open|disabled|holds spare device',
  0x22: 'S0/G0 working|S1|S2|S3|S4|S5/G2 soft off|S4/S5 soft off|G3 mechanical off|sleeping in S1 to S3|G1 sleeping|S5 by override|legacy on|legacy off||unknown',
  0x23: 'timer expired|hard reset|power down|power cycle|||||timer interrupt',
  0x24: 'page generated|LAN alert generated|event trap generated|SNMP trap generated',
  0x25: 'present|absent|disabled',
  0x27: 'heartbeat lost|heartbeat',
  0x28: 'degraded|controller degraded|management off line|controller unavailable|sensor failure|FRU failure',
  0x29: 'low|failed|present',
  0x2a: 'session activated|session deactivated|invalid user name or password|user disabled after bad passwords',
  0x2b: 'hardware changed|firmware or software changed|hardware incompatible|firmware or software incompatible|invalid hardware version|invalid firmware version|hardware change succeeded|firmware or software change succeeded',
  0x2c: 'not installed|inactive|activation requested|activating|active|deactivation requested|deactivating|communication lost',
};

/** Text of one state of a sensor. */
export function stateText(eventType: number, sensorType: number, offset: number): string {
  const table = eventType === EventType.sensorSpecific ? SPECIFIC[sensorType] : GENERIC[eventType];
  return table?.split('|')[offset] || `state ${offset}`;
}

/** Texts of all states whose bit is set. */
export function stateTexts(eventType: number, sensorType: number, states: number): string[] {
  const set = Array.from({ length: 15 }, (_, n) => n).filter((n) => ((states >> n) & 1) === 1);
  return set.map((n) => stateText(eventType, sensorType, n));
}

export type StateSeverity = 'ok' | 'warning' | 'critical';

/** States by which generic event types say that something is wrong; all others are facts without a judgement. */
const GENERIC_BAD: Readonly<Record<number, Readonly<Record<number, StateSeverity>>>> = {
  0x04: { 1: 'warning' },
  0x05: { 1: 'warning' },
  0x06: { 1: 'warning' },
  0x07: { 1: 'warning', 2: 'critical', 3: 'critical', 4: 'warning', 5: 'critical', 6: 'critical' },
  0x0a: { 6: 'warning', 8: 'critical' },
  0x0b: { 1: 'warning', 2: 'warning', 3: 'warning', 4: 'warning', 5: 'critical', 6: 'warning', 7: 'warning' },
};

const SPECIFIC_BAD: Readonly<Record<number, Readonly<Record<number, StateSeverity>>>> = {
  0x05: { 0: 'warning', 1: 'warning', 2: 'warning', 3: 'warning', 6: 'warning' },
  0x07: {
    0: 'critical',
    1: 'critical',
    2: 'critical',
    3: 'critical',
    4: 'critical',
    5: 'critical',
    6: 'critical',
    10: 'warning',
    11: 'critical',
    12: 'warning',
  },
  0x08: { 1: 'critical', 2: 'warning', 3: 'critical', 4: 'critical', 5: 'critical', 6: 'warning' },
  0x09: { 4: 'critical', 5: 'critical', 6: 'critical', 7: 'warning' },
  0x0c: {
    0: 'warning',
    1: 'critical',
    2: 'critical',
    3: 'warning',
    5: 'warning',
    7: 'warning',
    9: 'warning',
    10: 'critical',
  },
  0x0d: { 1: 'critical', 2: 'warning', 5: 'warning', 6: 'critical', 8: 'warning' },
  0x0f: { 0: 'critical', 1: 'critical' },
  0x10: { 4: 'warning', 5: 'warning' },
  0x13: {
    1: 'critical',
    4: 'critical',
    5: 'critical',
    7: 'warning',
    8: 'critical',
    9: 'critical',
    10: 'critical',
    11: 'warning',
  },
  0x19: { 0: 'critical', 1: 'critical' },
  0x1b: { 1: 'critical' },
  0x1e: { 0: 'warning', 1: 'warning', 2: 'warning', 3: 'warning' },
  0x20: { 0: 'critical', 1: 'critical' },
  0x21: { 0: 'critical' },
  0x23: { 0: 'warning', 1: 'critical', 2: 'critical', 3: 'critical' },
  0x27: { 0: 'warning' },
  0x28: { 0: 'warning', 1: 'warning', 2: 'critical', 3: 'critical', 4: 'warning', 5: 'critical' },
  0x29: { 0: 'warning', 1: 'critical' },
  0x2b: { 2: 'warning', 3: 'warning' },
};

/** How bad a state of a discrete sensor is. Not specified: the judgement is ours and errs on the quiet side. */
export function stateSeverity(eventType: number, sensorType: number, offset: number): StateSeverity {
  const table = eventType === EventType.sensorSpecific ? SPECIFIC_BAD[sensorType] : GENERIC_BAD[eventType];
  return table?.[offset] ?? 'ok';
}
