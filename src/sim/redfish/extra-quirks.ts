import { assumed, reference, seenIn } from './evidence.ts';
import type { Quirk, QuirkKind } from './quirks.ts';

/** Quirks that no personality has, for any of them: `ingot sim --quirk`. */
export const EXTRA_QUIRKS: readonly Quirk[] = [
  {
    kind: 'boot-silently-reverts',
    afterMs: 1500,
    evidence: assumed('overrides that are gone after they were read back are reported; on which BMCs is not known'),
  },
  {
    kind: 'delayed-apply',
    ms: 1500,
    evidence: assumed('writes that read back later are reported; on which BMCs and how much later is not known'),
  },
  { kind: 'no-sessions', evidence: reference('2.1', 'sushy-tools has no SessionService: basic authentication alone') },
  {
    kind: 'always-continuous',
    evidence: reference('2.3', 'sushy-tools ignores Enabled and always reports Continuous'),
  },
  {
    kind: 'unknown-reset-accepted',
    evidence: seenIn('openstack/sushy-tools: sushy_tools/emulator', 'an unknown ResetType is answered with 204'),
  },
  {
    kind: 'insert-fails-inserted',
    evidence: seenIn(
      'openstack/sushy-tools: sushy_tools/emulator',
      'InsertMedia may end in 500 and be done all the same',
    ),
  },
  { kind: 'media-url-strict', evidence: reference('2.4', 'some refuse ?, & and names without .iso or .img in a URL') },
  { kind: 'reset-bios-needs-body', evidence: reference('2.5', 'ResetBios needs {} on an R630') },
  { kind: 'subscription-without-context', evidence: reference('2.5', 'some BMCs leave out the Context') },
];

export const EXTRA_QUIRK_NAMES: readonly QuirkKind[] = EXTRA_QUIRKS.map((quirk) => quirk.kind);

/** The rows of these names. @param names of `EXTRA_QUIRK_NAMES` */
export function extraQuirks(names: readonly string[]): Quirk[] {
  return EXTRA_QUIRKS.filter((quirk) => names.includes(quirk.kind));
}
