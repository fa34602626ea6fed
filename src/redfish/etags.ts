import type { Refusal } from './errors.ts';

/** An `If-Match` to try; undefined: none is sent. */
export type Match = string | undefined;

/** An ETag as a BMC wrote it, or undefined for one that says nothing: some write "" or nothing between the quotes. */
export function usableEtag(text: string | undefined): string | undefined {
  const etag = text?.trim() ?? '';
  return /^(?:W\/)?(?:"")?$/i.test(etag) ? undefined : etag;
}

/** The `If-Match` to begin with. */
export function firstMatch(etag: string | undefined): Match {
  return usableEtag(etag);
}

/**
 * What to try after a refusal of `tried` (facts §2.1): the strong form of a weak ETag, then none; where one is demanded
 * (428) the present one, then any (`*`).
 * @param fetch reads the present ETag
 * @returns undefined when there is nothing left
 */
export async function nextMatch(
  refusal: Refusal,
  tried: readonly Match[],
  fetch: () => Promise<string | undefined>,
): Promise<{ match: Match } | undefined> {
  const last = tried.at(-1);
  const untried = (...candidates: Match[]) => candidates.find((c) => !tried.includes(c));
  if (refusal.status === 428) {
    const match = untried(usableEtag(await fetch()), '*');
    return match === undefined ? undefined : { match };
  }
  if (refusal.status !== 412 || last === undefined) return undefined;
  if (last.startsWith('W/')) {
    const strong = last.slice(2);
    if (!tried.includes(strong)) return { match: strong };
  }
  return tried.includes(undefined) ? undefined : { match: undefined };
}
