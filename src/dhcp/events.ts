import type { SilenceCode } from './decision.ts';
import type { ClientFacts } from './policy.ts';

/** What the server saw and did, as plain values with addresses as text: for logs, metrics and the timeline of a host. */
export type DhcpEvent =
  | (DhcpSeen & {
      kind: 'reply';
      /** `OFFER`, `ACK` or `NAK`. */
      answer: string;
      /** Empty for NAK and for proxyDHCP, which gives none. */
      address: string;
      /** What to boot; empty when nothing. */
      file: string;
      to: string;
      reason: string;
    })
  | (DhcpSeen & { kind: 'silence'; code: SilenceCode | 'internal'; reason: string })
  /** Another server answers on this network: the client named it, or its packet was heard. */
  | {
      kind: 'foreign-server';
      at: number;
      iface: string;
      server: string;
      mac: string;
      /** What the client takes of it, by the client's own word; empty when it does not say. */
      address: string;
      /** We are the proxy beside it. */
      expected: boolean;
    }
  | { kind: 'malformed'; at: number; iface: string; source: string; reason: string };

/** The request that led to it. */
export interface DhcpSeen {
  /** Wall time, ms. */
  at: number;
  iface: string;
  /** `DISCOVER`, `REQUEST` and so on. */
  request: string;
  client: ClientFacts;
}
