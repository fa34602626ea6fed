import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { KeptFlags } from './boot-order.ts';
import { simErrors } from './errors.ts';

/** What a BMC keeps when it loses its mains: boot flags, and counters that tests and people look at. */
export interface MachineState {
  flags?: KeptFlags;
  /** Boots of the firmware, by power-on and by reset, whoever asked for them. */
  boots: number;
  /** Power-ons. */
  powerOns: number;
}

export const NEW_MACHINE_STATE: MachineState = { boots: 0, powerOns: 0 };

const DEVICES = ['none', 'pxe', 'disk', 'disk-safe-mode', 'diagnostic', 'cdrom', 'bios-setup', 'floppy'] as const;

const SCHEMA = z.object({
  flags: z
    .object({
      flags: z.object({
        valid: z.boolean(),
        persistent: z.boolean(),
        efi: z.boolean(),
        device: z.enum(DEVICES),
      }),
      setAt: z.number(),
      lasting: z.boolean().exactOptional(),
    })
    .exactOptional(),
  boots: z.int().min(0),
  powerOns: z.int().min(0),
});

/**
 * Reads a machine's state; a machine that has none yet is new.
 * @throws SIM_STATE_BROKEN
 */
export async function readMachineState(path: string): Promise<MachineState> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return NEW_MACHINE_STATE;
  try {
    return SCHEMA.parse(JSON.parse(text));
  } catch (cause) {
    throw simErrors.make('SIM_STATE_BROKEN', `cannot read ${path}`, { cause });
  }
}

/** Writes a machine's state in one step: a reader sees the old or the new one, never half. */
export async function writeMachineState(path: string, state: MachineState): Promise<void> {
  const next = `${path}.next`;
  await writeFile(next, `${JSON.stringify(state, null, 2)}\n`);
  await rename(next, path);
}
