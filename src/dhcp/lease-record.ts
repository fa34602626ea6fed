import { crc32 } from 'node:zlib';
import { formatIpv4, parseCidr, parseIpv4 } from '../wire/ipv4.ts';
import { subnetText } from './config.ts';
import type { Lease, LeaseChange, LeaseState } from './leases.ts';

/** One line of the lease book: checksum, space, JSON. Addresses and times are written for people to read. */
export function writeRecord({ lease, subnet }: LeaseChange): string {
  const json = JSON.stringify({
    address: formatIpv4(lease.address),
    client: lease.client,
    state: lease.state,
    expires: new Date(lease.expires).toISOString(),
    subnet: subnetText(subnet),
    ...(lease.hostname === undefined ? {} : { hostname: lease.hostname }),
  });
  return `${checksum(json)} ${json}\n`;
}

/** Reads what `writeRecord` wrote, in order. Lines cut or changed since are counted and left out. */
export function readRecords(text: string): { changes: LeaseChange[]; damaged: number } {
  const lines = text.split('\n').filter((line) => line !== '');
  const changes = lines.map(readLine).filter((c) => c !== undefined);
  return { changes, damaged: lines.length - changes.length };
}

function readLine(line: string): LeaseChange | undefined {
  const json = line.slice(9);
  if (line[8] !== ' ' || line.slice(0, 8) !== checksum(json)) return undefined;
  try {
    return toChange(JSON.parse(json) as Record<string, unknown>);
  } catch {
    return undefined;
  }
}

function toChange(raw: Record<string, unknown>): LeaseChange | undefined {
  const { client, state, hostname } = raw;
  const expires = Date.parse(String(raw['expires']));
  if (typeof client !== 'string' || !isState(state) || Number.isNaN(expires)) return undefined;
  const lease: Lease = { client, state, expires, address: parseIpv4(String(raw['address'])) };
  if (typeof hostname === 'string') lease.hostname = hostname;
  const { network, prefix } = parseCidr(String(raw['subnet']));
  return { lease, subnet: { network, prefix } };
}

function isState(value: unknown): value is LeaseState {
  return value === 'bound' || value === 'released' || value === 'declined';
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
