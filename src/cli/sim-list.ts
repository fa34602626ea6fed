import { sourceOf } from '../sim/redfish/evidence.ts';
import { type Personality, claimsOf } from '../sim/redfish/personality.ts';
import { PERSONALITIES, personalityNamed } from '../sim/redfish/personalities/all.ts';
import { type Result, render } from './bmc/output.ts';

/**
 * `ingot sim --list`: the personalities, or of one all that it does and from where we know it.
 * @throws SIM_PERSONALITY_UNKNOWN
 */
export function listing(name: string | undefined, json: boolean): string {
  return render(name === undefined ? overview() : detailed(personalityNamed(name)), json);
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
    note: 'reference, public, assumed: what its details and quirks rest on; `ingot sim --list NAME` shows each',
  };
}

function detailed(personality: Personality): Result {
  return {
    rows: claimsOf(personality).map(({ claim, evidence }) => ({
      what: claim,
      evidence: evidence.kind,
      source: sourceOf(evidence),
      said: evidence.said,
    })),
  };
}
