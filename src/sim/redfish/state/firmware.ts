import type { MachineFacts } from '../machine-door.ts';
import type { Personality } from '../personality.ts';

export interface Component {
  id: string;
  name: string;
  version: string;
  /** Path of what carries it. */
  related: 'manager' | 'system' | 'nic';
  /** Waits for the machine's next start. */
  staged?: string;
}

export function components(personality: Personality, facts: MachineFacts): Component[] {
  return [
    { id: 'BMC', name: 'BMC firmware', version: personality.bmcVersion, related: 'manager' },
    { id: 'BIOS', name: 'System BIOS', version: personality.biosVersion, related: 'system' },
    ...facts.nics.map((nic, i) => ({
      id: `NIC${i + 1}`,
      name: `${nic.model} (${nic.mac})`,
      version: '22.31.6',
      related: 'nic' as const,
    })),
  ];
}

/** A firmware image of the simulator is a text that names what it is: `component=BIOS` and `version=2.20.1`, by line. */
export function readImage(text: string): { component: string | undefined; version: string } | undefined {
  const version = /^version=([\w.-]{1,64})$/m.exec(text)?.[1];
  if (version === undefined) return undefined;
  return { component: /^component=(\w{1,32})$/m.exec(text)?.[1], version };
}
