/** Captured packets of `test/fixtures/<room>/captures.json`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex } from '../../src/wire/hex.ts';

export interface Capture {
  sender: string;
  /** DHCP message type by name. */
  type?: string;
  bytes: Uint8Array;
}

export function captures(room: 'dhcp' | 'tftp'): Capture[] {
  const file = join(import.meta.dirname, '../fixtures', room, 'captures.json');
  const { packets } = JSON.parse(readFileSync(file, 'utf8')) as {
    packets: (Omit<Capture, 'bytes'> & { hex: string })[];
  };
  return packets.map(({ hex, ...rest }) => ({ ...rest, bytes: fromHex(hex) }));
}

/** The one capture whose sender contains `sender`. */
export function capture(room: 'dhcp' | 'tftp', sender: string, type?: string): Uint8Array {
  const found = captures(room).find((c) => c.sender.includes(sender) && (type === undefined || c.type === type));
  if (found === undefined) throw new Error(`no capture of ${sender} ${type ?? ''}`);
  return found.bytes;
}
