import { open } from 'node:fs/promises';
import { openBlockDevice } from '../../src/agent/write/block-device.ts';
import { writeImage } from '../../src/agent/write/write-image.ts';
import type { WriteResult, WriteTask } from '../../src/agent-protocol/messages.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';

const MIB = 1 << 20;

async function get(url: string, signal: AbortSignal): Promise<Uint8Array> {
  const reply = await fetch(url, { signal });
  if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
  return new Uint8Array(await reply.arrayBuffer());
}

/** A write task done by the agent's own writer, onto a file of a fixed size. */
export async function writeToFile(file: string, task: WriteTask, signal: AbortSignal): Promise<WriteResult> {
  await using device = await openBlockDevice(file, { log: silentLogger });
  return await writeImage({
    device,
    manifest: JSON.parse(Buffer.from(await get(task.manifestUrl, signal)).toString('utf8')),
    manifestDigest: task.manifestDigest,
    fetchFrame: (index, stop) => get(task.framesUrl.replace('{index}', String(index)), stop),
    signal,
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
  });
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
