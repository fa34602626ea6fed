import type { BurstRule } from '../core/burst-guard.ts';
import type { WireQuirks } from './wire-quirks.ts';

/** Ways in which a BMC misbehaves, for tests and for `ingot lab`. */
export interface ServerFaults {
  /** Fate of the n-th datagram received (from 0). */
  received?: (index: number) => Fate;
  /** Fate of the n-th datagram sent (from 0). */
  sent?: (index: number) => Fate;
  /** Share of datagrams lost in each direction, 0..1. */
  loss?: number;
  /** Every answer comes this much later, ms. */
  delayMs?: number;
  /** Share of datagrams that come twice, in each direction, 0..1. */
  duplicates?: number;
  /** Share of answers that are overtaken by those after them, 0..1. */
  reordered?: number;
  /** A hanging BMC hears nothing: what is sent to it is lost. */
  burst?: BurstRule;
  /** Answers Open Session with this suite, whatever was asked, as virtualbmc does with 3. */
  echoSuite?: number;
  /** Status for an Open Session that asks for this suite; undefined: no fault. */
  openStatus?: (suite: number | undefined) => number | undefined;
  /** Says nothing after RAKP 1 with an unknown user, as many BMCs do. */
  silentUnknownUser?: boolean;
  /** Departs from the specification as boards with these quirks do. */
  quirks?: WireQuirks;
  /** So many bytes follow the codes of RAKP 2 and 4. */
  extraCodeBytes?: number;
  /** Does not accept boot parameter 3, as OpenBMC. */
  noBootParameter3?: boolean;
  /** Drops one-time boot flags after 60 s whatever boot parameter 3 says. */
  dropsBootFlags?: boolean;
  /** `none`: knows no Send Message. `inside`: the answer of a satellite comes inside the answer to Send Message. */
  bridging?: 'none' | 'inside';
  sol?: SolFaults;
}

/** Ways in which a BMC's console misbehaves. */
export interface SolFaults {
  /** Says this instead of the bytes it takes. */
  inboundBytes?: number;
  /** Says this instead of its port. */
  port?: number;
  /** Takes Activate Payload with these flags and no others. */
  onlyFlags?: number;
  /** Acknowledges all that it takes as 0 characters. */
  zeroAccepted?: boolean;
  /** Refuses the first so many activations with a code of `ActivateRefusal`. */
  refuse?: { code: number; times: number };
}

export type Fate = 'pass' | 'drop' | 'twice' | { delayMs: number };
