import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ObjectKey } from '../api/meta.ts';
import type { Observation, Timeline } from '../boot/timeline.ts';
import type { TftpEvent } from '../tftp/events.ts';
import { type TftpSource, bytesFile } from '../tftp/file.ts';
import type { BootFiles } from './boot-files.ts';

/** What iPXE 1.21 and later takes from where it came from, before it asks DHCP for anything. */
const AUTOEXEC = 'autoexec.ipxe';

/**
 * Loaders by their bare names, and nothing else. They are small: no file stays open for a slow client.
 * @param entry script for iPXE that no DHCP server of ours tells where to go on
 */
export function loaderSource(files: BootFiles, entry?: string): TftpSource {
  return async (path) => {
    if (path === AUTOEXEC && entry !== undefined) return bytesFile(Buffer.from(entry));
    const file = files.loader(path);
    return file === undefined ? undefined : bytesFile(await readFile(file));
  };
}

/** Tells the timeline what TFTP did for hosts' machines. */
export function tftpObserver(
  timeline: Timeline,
  hostAt: (ip: string) => ObjectKey | undefined,
): (event: TftpEvent) => void {
  return (event) => {
    const host = hostAt(event.client.address);
    const seen = host === undefined ? undefined : tftpObservation(event);
    if (host !== undefined && seen !== undefined) timeline.add(host, seen);
  };
}

/** Pure. Undefined for what is of no interest. */
export function tftpObservation(event: TftpEvent): Observation | undefined {
  const file = basename(event.file);
  switch (event.kind) {
    case 'complete':
      return { source: 'tftp', kind: 'tftp-sent', text: `${file} sent by TFTP (${event.bytes} bytes)` };
    case 'timeout':
      return { source: 'tftp', kind: 'tftp-failed', text: `${file}: the machine stopped answering` };
    case 'aborted':
    case 'refused':
      return { source: 'tftp', kind: 'tftp-failed', text: `${file}: ${event.reason}` };
    case 'start':
    case 'probe':
      return undefined;
  }
}
