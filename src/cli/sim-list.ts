import { type Evidence, sourceOf } from '../sim/redfish/evidence.ts';
import { EXTRA_QUIRKS } from '../sim/redfish/extra-quirks.ts';
import { type Personality, claimsOf } from '../sim/redfish/personality.ts';
import { PERSONALITIES, personalityNamed } from '../sim/redfish/personalities/all.ts';
import { type Result, type Row, render } from './bmc/output.ts';

/**
 * `ingot sim --list`: the personalities, or of one all that it does and from where we know it.
 * @throws SIM_PERSONALITY_UNKNOWN
 */
export function listing(name: string | undefined, json: boolean): string {
  if (name === undefined) return render(overview(), json);
  return render(name === 'extra' ? extra() : detailed(personalityNamed(name)), json);
}

/** What `--list extra` shows: the quirks of `--quirk`. */
function extra(): Result {
  return { rows: EXTRA_QUIRKS.map(({ kind, evidence }) => claimRow(kind, evidence)) };
}

function claimRow(what: string, evidence: Evidence): Row {
  return { what, evidence: evidence.kind, source: sourceOf(evidence), said: evidence.said };
}

function overview(): Result {
  return {
    rows: PERSONALITIES.map((personality) => {
      const kinds = claimsOf(personality).map(({ evidence }) => evidence.kind);
      const count = (kind: (typeof kinds)[number]) => kinds.filter((k) => k === kind).length;
      return {
        personality: personality.name,
        plays: `${personality.manufacturer} ${personality.model}`,
        firmware: personality.bmcVersion,
        quirks: personality.quirks.length,
        reference: count('reference'),
        public: count('public'),
        assumed: count('assumption'),
      };
    }),
    note: 'reference, public, assumed: what its details and quirks rest on; `ingot sim --list NAME` shows each, `--list extra` those of --quirk',
  };
}

function detailed(personality: Personality): Result {
  return {
    rows: claimsOf(personality).map(({ claim, evidence }) => claimRow(claim, evidence)),
  };
}
