/** Requests written byte by byte by a builder that knows nothing of our codec, and a network to decide about them. */
import {
  type CheckedConfig,
  DHCP_DEFAULTS,
  type DhcpConfig,
  SUBNET_DEFAULTS,
  checkConfig,
} from '../../src/dhcp/config.ts';
import { clientFacts } from '../../src/dhcp/facts.ts';
import { decodeMessage } from '../../src/dhcp/message.ts';
import type { BootAnswer } from '../../src/dhcp/policy.ts';
import type { DhcpRequest } from '../../src/dhcp/request.ts';
import { concatBytes, fromHex } from '../../src/wire/hex.ts';
import { parseCidr, parseIpv4 } from '../../src/wire/ipv4.ts';

export const NOW = Date.UTC(2026, 0, 1);
export const MAC = '52:54:00:00:00:01';
export const SERVER = parseIpv4('10.0.0.1');
export const ip = parseIpv4;

export interface RawRequest {
  mac?: string;
  ciaddr?: string;
  giaddr?: string;
  flags?: number;
  options?: [number, string][];
}

/** A packet by hand. Option values are hex. */
export function rawRequest(type: number, raw: RawRequest = {}): Uint8Array {
  const b = new Uint8Array(240);
  b.set([1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
  b.set([(raw.flags ?? 0) >> 8, (raw.flags ?? 0) & 255], 10);
  b.set((raw.ciaddr ?? '0.0.0.0').split('.').map(Number), 12);
  b.set((raw.giaddr ?? '0.0.0.0').split('.').map(Number), 24);
  b.set(fromHex(raw.mac ?? MAC), 28);
  b.set([0x63, 0x82, 0x53, 0x63], 236);
  const options = (raw.options ?? []).map(([code, hex]) => {
    const value = fromHex(hex);
    return concatBytes(Uint8Array.of(code, value.length), value);
  });
  return concatBytes(b, Uint8Array.of(53, 1, type), ...options, Uint8Array.of(255));
}

/** Hex of an address, for option values. */
export function ipHex(text: string): string {
  return text
    .split('.')
    .map((p) => Number(p).toString(16).padStart(2, '0'))
    .join('');
}

export function config(changes: Partial<DhcpConfig> = {}): CheckedConfig {
  return checkConfig({
    ...DHCP_DEFAULTS,
    subnets: [
      {
        ...SUBNET_DEFAULTS,
        subnet: parseCidr('10.0.0.0/24'),
        ranges: [{ from: ip('10.0.0.100'), to: ip('10.0.0.109') }],
        reservations: [{ mac: '52:54:00:00:00:99', address: ip('10.0.0.20'), hostname: 'node-99' }],
        router: ip('10.0.0.254'),
        dns: [ip('10.0.0.53'), ip('10.0.1.53')],
        domain: 'lab.test',
      },
      {
        ...SUBNET_DEFAULTS,
        subnet: parseCidr('10.9.0.0/16'),
        ranges: [{ from: ip('10.9.1.0'), to: ip('10.9.1.255') }],
      },
    ],
    ...changes,
  });
}

export function request(bytes: Uint8Array, changes: Partial<DhcpRequest> = {}): DhcpRequest {
  const message = decodeMessage(bytes);
  return {
    message,
    facts: clientFacts(message),
    iface: { name: 'eth0', address: SERVER, prefix: 24 },
    source: { address: 0, port: 68 },
    port: 67,
    now: NOW,
    fuzz: 0.5,
    ownAddresses: new Set([SERVER]),
    ...changes,
  };
}

export const ADDRESS_ONLY: BootAnswer = { kind: 'address', reason: 'nothing to boot' };
export const BOOT: Extract<BootAnswer, { kind: 'boot' }> = {
  kind: 'boot',
  file: 'snponly.efi',
  server: SERVER,
  reason: 'to be inspected',
};
