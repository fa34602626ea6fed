import { type IngotError } from '../core/errors.ts';
import type { JsonObject } from './calls.ts';
import { type Refusal, redfishErrors } from './errors.ts';
import { objectAt, objectsAt, textAt } from './json.ts';

const MAX_MESSAGES = 20;
const MAX_TEXT = 300;
const EXTENDED = '@Message.ExtendedInfo';

/**
 * Reads an error body (DSP0266 §8.6): ExtendedInfo as a list, as one object (iDRAC) or missing; in `error`, beside it or
 * at a property; plain text or HTML where a BMC's web server answers itself.
 */
export function refusalIn(status: number, body: JsonObject | undefined, bytes: Uint8Array): Refusal {
  if (body === undefined) return { status, messageIds: [], texts: plainTexts(bytes) };
  // `Boot@Message.ExtendedInfo` is about one property.
  const annotated = Object.keys(body).filter((key) => key.endsWith(EXTENDED));
  const extended = [
    ...objectsAt(body, 'error', EXTENDED),
    ...annotated.slice(0, MAX_MESSAGES).flatMap((key) => objectsAt(body, key)),
  ].slice(0, MAX_MESSAGES);
  const outer = objectAt(body, 'error') ?? body;
  // What stands around the list is general ("see below"), but all there is where the list says nothing (sushy-tools).
  const ids = kept(extended.map((e) => textAt(e, 'MessageId') ?? textAt(e, 'MessageID')));
  const texts = kept(extended.map((e) => textAt(e, 'Message') ?? textAt(e, 'Resolution')));
  return {
    status,
    messageIds: (ids.length > 0 ? ids : kept([textAt(outer, 'code')])).map(unversioned),
    texts: texts.length > 0 ? texts : kept([textAt(outer, 'message') ?? textAt(outer, 'Message')]),
  };
}

function kept(texts: readonly (string | undefined)[]): string[] {
  return [...new Set(texts.flatMap((t) => (t === undefined ? [] : short(t))))];
}

/** `Base.PropertyValueNotInList` of `Base.1.12.0.PropertyValueNotInList`: every firmware has another version. */
function unversioned(messageId: string): string {
  return messageId.replaceAll(/\.v?\d+(?=[._]|$)(?:_\d+)*/g, '');
}

function plainTexts(bytes: Uint8Array): string[] {
  const text = new TextDecoder().decode(bytes.subarray(0, 4096));
  const words = text.replaceAll(/<(script|style)[\s\S]*?<\/\1>/gi, ' ').replaceAll(/<[^>]*>/g, ' ');
  const line = short(words);
  return line === '' ? [] : [line];
}

function short(text: string): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT - 1)}…` : line;
}

/** @param keys last parts of MessageIds; the registry before them has another name on each vendor */
export function hasMessage(refusal: Refusal, ...keys: readonly string[]): boolean {
  return refusal.messageIds.some((id) => keys.includes(id.slice(id.lastIndexOf('.') + 1)));
}

type Code = keyof typeof redfishErrors.specs;

/** Says which account may not do what, or that it must change its password first. */
const ACCOUNT_KEYS = ['InsufficientPrivilege', 'PasswordChangeRequired', 'NoValidSession'] as const;

/** The function is sold separately: Supermicro (SFT-OOB-LIC, SFT-DCMS-SINGLE), iDRAC. */
const LICENSE_KEYS = ['OemLicenseNotPassed', 'LIC501'] as const;
/** iDRAC: settings of the same kind wait in a job already. */
const COMMITTED = 'SYS011';

/** Is it a matter of licences, whatever the status? */
export function wantsLicense(refusal: Refusal): boolean {
  return hasMessage(refusal, ...LICENSE_KEYS);
}

/** @param what `PATCH /redfish/v1/Systems/1` */
export function refusalError(address: string, what: string, refusal: Refusal): IngotError {
  const said = refusal.texts.join(' ');
  const text = `${address}: ${what}: HTTP ${refusal.status}${said === '' ? '' : `: ${short(said)}`}`;
  return redfishErrors.make(codeOf(refusal), text, {
    seen: { ...refusal, request: what },
    ...(hasMessage(refusal, COMMITTED)
      ? { hint: 'a job for such settings waits already: restart the machine for it, or `ingot bmc clear-jobs`' }
      : {}),
  });
}

function codeOf(refusal: Refusal): Code {
  const { status } = refusal;
  if (wantsLicense(refusal)) return 'REDFISH_LICENSE';
  if (status === 401 || hasMessage(refusal, ...ACCOUNT_KEYS)) return 'REDFISH_AUTH_FAILED';
  if (status === 404 || status === 410) return 'REDFISH_NOT_FOUND';
  return status === 503 || status === 429 ? 'REDFISH_BUSY' : 'REDFISH_REFUSED';
}
