import { parseArgs } from 'node:util';
import type { Firmware } from '../../src/sim/machine-spec.ts';

export interface DemoOptions {
  firmware: Firmware;
  hosts: number;
  keep: boolean;
  json: boolean;
  name: string;
  /** Which image: the real Debian, or the tiny one that boots in seconds. */
  os: 'debian' | 'tiny';
  memoryMiB: number;
}

export const HELP = `usage: hack/demo [options]        (as root)

Takes virtual machines from nothing to a running operating system and back, driven by kubectl, with every byte served by
Ingot. Installs what it needs and builds its images the first time; later runs find them in .cache.

  --firmware bios|uefi   how the machines boot (default bios)
  --hosts N              machines to provision, 1 to 4 (default 1)
  --keep                 leave the lab up at the end, say how to look around; Ctrl-C takes it down
  --json                 last line of standard output: one JSON object with result, seconds, bytes and digest
  --os debian|tiny       what to provision: a Debian with cloud-init (default), or a Linux of 30 MiB
  --memory MIB           memory of each machine (default 1024)
  --name NAME            name of the lab, to run several at a time (default demo)
`;

export type Parsed = { kind: 'run'; options: DemoOptions } | { kind: 'help' } | { kind: 'wrong'; why: string };

export function parseOptions(argv: readonly string[]): Parsed {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        firmware: { type: 'string', default: 'bios' },
        hosts: { type: 'string', default: '1' },
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        name: { type: 'string', default: 'demo' },
        os: { type: 'string', default: 'debian' },
        memory: { type: 'string', default: '1024' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    return { kind: 'wrong', why: error instanceof Error ? error.message : String(error) };
  }
  if (values.help) return { kind: 'help' };
  const { firmware, os, keep, json, name } = values;
  const hosts = Number(values.hosts);
  const memoryMiB = Number(values.memory);
  if (firmware !== 'bios' && firmware !== 'uefi') return { kind: 'wrong', why: '--firmware is bios or uefi' };
  if (os !== 'debian' && os !== 'tiny') return { kind: 'wrong', why: '--os is debian or tiny' };
  if (!Number.isInteger(hosts) || hosts < 1 || hosts > 4) return { kind: 'wrong', why: '--hosts is 1 to 4' };
  if (!Number.isInteger(memoryMiB) || memoryMiB < 512) return { kind: 'wrong', why: '--memory is 512 or more' };
  return { kind: 'run', options: { firmware, os, hosts, keep, json, name, memoryMiB } };
}
