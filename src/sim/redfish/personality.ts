import type { Evidence } from './evidence.ts';
import type { Quirk, QuirkKind, QuirkOf } from './quirks.ts';

/** A vendor's service as data: names and numbers of its resources, and how it differs. */
export interface Personality {
  name: string;
  /** `ServiceRoot.Vendor`; undefined where the vendor does not fill it in. */
  vendor?: string;
  product: string;
  manufacturer: string;
  model: string;
  redfishVersion: string;
  bmcVersion: string;
  biosVersion: string;
  /** IANA enterprise number, as the BMC says it by IPMI. */
  manufacturerId: number;
  ids: { system: string; manager: string; chassis: string; storage?: string };
  media: { home: 'system' | 'manager'; slots: readonly MediaSlotKind[] };
  /** `/Bios` is `/BIOS` on some. */
  biosPath: string;
  bootTargets: readonly string[];
  resetTypes: readonly string[];
  /** Last part of the path of settings objects. Default `Settings`. */
  settingsName?: string;
  quirks: readonly Quirk[];
  /** What the values above are taken from. Those of the quirks stand in their rows. */
  evidence: Readonly<Record<PersonalityDetail, Evidence>>;
}

export const PERSONALITY_DETAILS = [
  'names',
  'versions',
  'manufacturer id',
  'ids',
  'media',
  'boot targets',
  'reset types',
] as const;
export type PersonalityDetail = (typeof PERSONALITY_DETAILS)[number];

/** Everything that a personality claims, with what it rests on. */
export function claimsOf(personality: Personality): { personality: string; claim: string; evidence: Evidence }[] {
  const { name } = personality;
  return [
    ...PERSONALITY_DETAILS.map((claim) => ({ personality: name, claim, evidence: personality.evidence[claim] })),
    ...personality.quirks.map(({ kind, evidence }) => ({ personality: name, claim: kind, evidence })),
  ];
}

export interface MediaSlotKind {
  id: string;
  mediaTypes: readonly ('CD' | 'DVD' | 'Floppy' | 'USBStick')[];
}

/** Rows of a personality by kind, with those that a test or a person adds. */
export class Quirks {
  readonly #rows: ReadonlyMap<QuirkKind, Quirk>;

  constructor(rows: readonly Quirk[]) {
    this.#rows = new Map(rows.map((row) => [row.kind, row]));
  }

  find<K extends QuirkKind>(kind: K): QuirkOf<K> | undefined {
    return this.#rows.get(kind) as QuirkOf<K> | undefined;
  }

  has(kind: QuirkKind): boolean {
    return this.#rows.has(kind);
  }
}
