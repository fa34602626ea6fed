import { Completion } from './numbers.ts';

/** What a completion code says about sending the same request again. */
export interface RetryRule {
  /** Sends in all. */
  tries: number;
  /** Pause after the first refusal, ms; it grows with each. */
  delayMs: number;
  /** The BMC did not begin to work on it: a command that must not run twice may be sent again too. */
  notBegun: boolean;
  /** It passes with time: what is left after the last try is told as busy. */
  passing: boolean;
}

const BUSY: RetryRule = { tries: 4, delayMs: 500, notBegun: true, passing: true };
/** Seen once now and then with nothing behind it; a BMC that means it says it again. */
const ODD: RetryRule = { tries: 2, delayMs: 100, notBegun: false, passing: false };

/**
 * The codes that may go away by themselves. All others are final: C1 is a command that the BMC does not have, CB a thing
 * that is not there, D4 a privilege that is missing, …
 */
const RULES: ReadonlyMap<number, RetryRule> = new Map([
  [Completion.nodeBusy, BUSY],
  [Completion.initializing, BUSY],
  [Completion.timeout, { ...BUSY, notBegun: false }],
  [Completion.outOfSpace, { ...BUSY, tries: 2 }],
  [Completion.noResponse, ODD],
  [Completion.unspecified, ODD],
]);

export function retryRule(completion: number): RetryRule | undefined {
  return RULES.get(completion);
}
