import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { removeLabNetwork } from './lab-network.ts';

/**
 * Notes of running labs, one file each, kept where a reboot forgets them. A lab that was killed without a chance to
 * clean up is found by its note, and removed by the next lab that starts.
 */
export const LAB_RECORDS = '/run/ingot-lab';

const RECORD = z.object({
  name: z.string(),
  namespace: z.string(),
  hostInterface: z.string().exactOptional(),
  /** The process that owns the lab, with its start time: pids are used again. */
  pid: z.int(),
  startedTicks: z.string(),
});
export type LabRecord = z.infer<typeof RECORD>;

/**
 * Start time of a process in clock ticks since boot (proc(5), field 22); undefined when there is no such process, or only
 * its remains, which stay until the parent looks.
 */
export async function processStart(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : startIn(text);
}

/** @param stat the text of /proc/PID/stat */
export function startIn(stat: string): string | undefined {
  // The second field is the program's name in brackets and may hold blanks and brackets itself.
  const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? undefined : fields[18];
}

export async function writeLabRecord(record: LabRecord, dir: string = LAB_RECORDS): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, `${record.name}.json`);
  await writeFile(`${path}.next`, JSON.stringify(record));
  await rename(`${path}.next`, path);
}

export async function dropLabRecord(name: string, dir: string = LAB_RECORDS): Promise<void> {
  await rm(join(dir, `${name}.json`), { force: true });
}

/** Labs on this machine, each with whether its owner still runs. */
export async function listLabs(dir: string = LAB_RECORDS): Promise<{ record: LabRecord; alive: boolean }[]> {
  const names = await readdir(dir).catch(() => []);
  const labs: { record: LabRecord; alive: boolean }[] = [];
  for (const name of names.filter((n) => n.endsWith('.json'))) {
    const record = await readRecord(join(dir, name));
    if (record === undefined) continue;
    labs.push({ record, alive: (await processStart(record.pid)) === record.startedTicks });
  }
  return labs;
}

/** Removes networks and processes of labs whose owner is gone. @returns their names */
export async function sweepDeadLabs(dir: string = LAB_RECORDS): Promise<string[]> {
  const swept: string[] = [];
  for (const { record, alive } of await listLabs(dir)) {
    if (alive) continue;
    await removeLabNetwork(record.namespace, record.hostInterface);
    await dropLabRecord(record.name, dir);
    swept.push(record.name);
  }
  return swept;
}

async function readRecord(path: string): Promise<LabRecord | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return RECORD.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
