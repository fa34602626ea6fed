export type BiosValue = string | number | boolean;

export interface BiosAttributeKind {
  name: string;
  type: 'Enumeration' | 'Integer' | 'String' | 'Boolean';
  value: BiosValue;
  values?: readonly string[];
  lower?: number;
  upper?: number;
  maxLength?: number;
  readOnly?: boolean;
  display: string;
}

/** What this machine's setup offers. Names and forms are those of servers, so that clients meet each type. */
const ATTRIBUTES: readonly BiosAttributeKind[] = [
  choice('ProcVirtualization', 'Virtualization technology', ['Enabled', 'Disabled']),
  choice('LogicalProc', 'Logical processor', ['Enabled', 'Disabled']),
  choice('SriovGlobalEnable', 'SR-IOV', ['Disabled', 'Enabled']),
  choice('SysProfile', 'System profile', ['PerfOptimized', 'PerfPerWattOptimizedOs', 'Custom']),
  choice('BootMode', 'Boot mode', ['Uefi', 'Bios']),
  { name: 'NumLock', type: 'Boolean', value: true, display: 'Keyboard NumLock' },
  {
    name: 'AcPwrRcvryUserDelay',
    type: 'Integer',
    value: 60,
    lower: 60,
    upper: 600,
    display: 'AC power recovery delay',
  },
  { name: 'AssetTag', type: 'String', value: '', maxLength: 63, display: 'Asset tag' },
  { name: 'SystemServiceTag', type: 'String', value: '', readOnly: true, maxLength: 16, display: 'Service tag' },
];

function choice(name: string, display: string, values: readonly string[]): BiosAttributeKind {
  return { name, type: 'Enumeration', value: values[0] ?? '', values, display };
}

/** BIOS settings: what is in force, and what the next start of the machine will put in force. */
export class BiosState {
  readonly kinds: readonly BiosAttributeKind[];
  attributes: Record<string, BiosValue>;
  pending: Record<string, BiosValue> = {};
  /** What is pending waits for a job that nobody has asked for. */
  withoutJob = false;
  resetPending = false;
  messages: string[] = [];
  /** Wall time of the last application, ms. */
  appliedAt: number | undefined;

  constructor(serial: string) {
    this.kinds = ATTRIBUTES;
    this.attributes = Object.fromEntries(ATTRIBUTES.map((a) => [a.name, a.value]));
    this.attributes['SystemServiceTag'] = serial.slice(0, 16);
  }

  kind(name: string): BiosAttributeKind | undefined {
    return this.kinds.find((a) => a.name === name);
  }

  /** Why a value cannot be taken; undefined when it can. */
  problem(name: string, value: unknown): 'unknown' | 'read-only' | 'type' | 'value' | undefined {
    const kind = this.kind(name);
    if (kind === undefined) return 'unknown';
    if (kind.readOnly === true) return 'read-only';
    switch (kind.type) {
      case 'Enumeration':
        if (typeof value !== 'string') return 'type';
        return kind.values?.includes(value) === true ? undefined : 'value';
      case 'Boolean':
        return typeof value === 'boolean' ? undefined : 'type';
      case 'Integer':
        if (!Number.isInteger(value)) return 'type';
        return Number(value) < (kind.lower ?? -Infinity) || Number(value) > (kind.upper ?? Infinity)
          ? 'value'
          : undefined;
      case 'String':
        if (typeof value !== 'string') return 'type';
        return value.length > (kind.maxLength ?? Infinity) ? 'value' : undefined;
    }
  }

  /** The firmware starts: what was pending is in force. @returns whether anything changed */
  apply(now: number): boolean {
    const changes = Object.keys(this.pending).length > 0 || this.resetPending;
    if (!changes || this.withoutJob) return false;
    if (this.resetPending) {
      for (const kind of this.kinds) if (kind.readOnly !== true) this.attributes[kind.name] = kind.value;
    }
    Object.assign(this.attributes, this.pending);
    this.pending = {};
    this.resetPending = false;
    this.messages = ['Success'];
    this.appliedAt = now;
    return true;
  }
}
