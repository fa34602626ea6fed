import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fromHex } from '../../src/wire/hex.ts';

/** UDP payloads between an IPMI console and a BMC, as tcpdump saw them. */
export interface IpmiCapture {
  name: string;
  console: string;
  bmc: string;
  username: string;
  password: string;
  suite: number;
  packets: readonly { from: 'console' | 'bmc'; bytes: Uint8Array }[];
}

const FOLDER = path.resolve(import.meta.dirname, '../fixtures/ipmi');

export function ipmiCaptures(): IpmiCapture[] {
  return readdirSync(FOLDER)
    .filter((f) => f.endsWith('.json'))
    .sort()
    .map((name) => {
      const raw = JSON.parse(readFileSync(path.join(FOLDER, name), 'utf8'));
      const packets = raw.packets.map((p: { from: 'console' | 'bmc'; hex: string }) => ({
        from: p.from,
        bytes: fromHex(p.hex),
      }));
      return { ...raw, name, packets };
    });
}
