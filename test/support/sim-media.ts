import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MediaSlot, VirtualMediaControl } from '../../src/bmc/capabilities.ts';
import type { IsoInfo } from '../../src/disk/iso-overlay.ts';
import { request } from './sim-agent.ts';

const ISO_BYTES = 300 * 1024;

/** A base ISO that boots nothing, with its description, as images/ramdisk/build.ts writes them. */
export function writeFakeIso(dir: string): IsoInfo {
  const bytes = Buffer.from(Array.from({ length: ISO_BYTES }, (_, i) => (i * 7) % 251));
  const info: IsoInfo = {
    file: 'ramdisk.iso',
    bytes: ISO_BYTES,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    arguments: { offset: 20_480, bytes: 4096 },
    host: { offset: 102_400, bytes: 65_536 },
  };
  writeFileSync(join(dir, info.file), bytes);
  writeFileSync(join(dir, 'ramdisk.json'), JSON.stringify({ cmdline: 'console=ttyS0', iso: info }));
  return info;
}

/** A BMC's virtual CD: remembers a URL, fetched when the machine boots. */
export class SimMedia implements VirtualMediaControl {
  image: string | undefined;
  readonly #writes: string[];
  /** Makes calls fail. */
  trouble: ((call: 'insert' | 'eject') => void) | undefined;

  /** @param writes every write to the BMC, in order */
  constructor(writes: string[]) {
    this.#writes = writes;
  }

  slots(): Promise<MediaSlot[]> {
    return Promise.resolve([this.#slot()]);
  }

  insert(url: string): Promise<MediaSlot> {
    this.trouble?.('insert');
    this.#writes.push('insert');
    this.image = url;
    return Promise.resolve(this.#slot());
  }

  eject(): Promise<void> {
    this.trouble?.('eject');
    this.#writes.push('eject');
    this.image = undefined;
    return Promise.resolve();
  }

  #slot(): MediaSlot {
    const { image } = this;
    const slot = { id: '/Cd', name: 'Cd', kinds: ['cd'], inserted: image !== undefined } as const;
    return image === undefined ? slot : { ...slot, image };
  }
}

/** What firmware finds at the URL of an ISO; undefined when it gets none. The agent's arguments are in it as plain text. */
export async function fetchIso(url: string): Promise<string | undefined> {
  const reply = await request('GET', url).catch(() => undefined);
  return reply?.status === 200 && reply.body.length === ISO_BYTES ? reply.body : undefined;
}
