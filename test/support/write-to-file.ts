import { open } from 'node:fs/promises';
import { type AskTaskManifest, runWrite } from '../../src/agent/write-task.ts';
import type { DiskFacts, WriteResult, WriteTask } from '../../src/agent-protocol/messages.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';

const MIB = 1 << 20;

async function get(url: string, signal: AbortSignal): Promise<Uint8Array> {
  const reply = await fetch(url, { signal });
  if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
  return new Uint8Array(await reply.arrayBuffer());
}

/** A write task done by the agent's own writer, onto a file that stands for `disk` and has its size. */
export function writeToFile(
  disk: DiskFacts & { file: string },
  task: { id: string; write: WriteTask },
  manifest: AskTaskManifest,
  signal: AbortSignal,
): Promise<WriteResult> {
  const { file, ...facts } = disk;
  const fetchUrl = (url: string, _maxBytes: number, stop: AbortSignal) => get(url, stop);
  return runWrite(
    task.id,
    task.write,
    [{ ...facts, name: file }],
    { fetch: fetchUrl, manifest, clock: systemClock, random: Math.random },
    { signal, report: () => {}, log: silentLogger },
  );
}

/** What a cleaning of metadata leaves of both ends of a disk. */
export async function wipeFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    for (const at of [0, size - MIB]) await file.write(new Uint8Array(MIB), 0, MIB, at);
  } finally {
    await file.close();
  }
}
