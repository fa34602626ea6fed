import type { Destination } from './destination.ts';
import type { LeaseChange } from './leases.ts';
import type { DhcpMessage } from './message.ts';

/** Why nothing is sent, for filters and metrics; the words for people are in `reason`. */
export type SilenceCode =
  | 'policy'
  | 'no-client'
  | 'no-subnet'
  | 'no-address'
  | 'other-server'
  /** ProxyDHCP: another server’s business, as it should be. */
  | 'proxied'
  | 'unknown-lease'
  | 'noted'
  | 'not-for-server';

export type DhcpDecision =
  | { kind: 'reply'; type: number; message: DhcpMessage; to: Destination; change?: LeaseChange; reason: string }
  | { kind: 'silent'; code: SilenceCode; reason: string; change?: LeaseChange };

export function silent(code: SilenceCode, reason: string): Extract<DhcpDecision, { kind: 'silent' }> {
  return { kind: 'silent', code, reason };
}
