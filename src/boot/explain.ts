import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { HostProgressStatus, TimelineEntry } from '../api/hostprogress.ts';
import { keyOf, keyText } from '../api/meta.ts';
import { age, diagnoseBoot, isBootSign } from './diagnose.ts';
import { bootMacOf } from './host-index.ts';
import { lastSeenMs } from './timeline.ts';

export interface Explanation {
  host: string;
  /** One sentence: what it is doing. */
  headline: string;
  /** What is awaited, since when and until when. */
  waiting?: string;
  /** What will happen when it does not come. */
  next?: string;
  /** What went wrong, as recorded. */
  error?: string;
  /** What to look at, most likely first. */
  check: string[];
  /** The newest observations, newest first. */
  lastSeen: string[];
}

const SHOWN = 8;

/**
 * What a host is doing, in plain words. Pure: the same objects and the same time give the same words.
 * @param hintOf what to do about an error code
 */
export function explain(
  host: BareMetalHost,
  progress: HostProgressStatus,
  nowMs: number,
  hintOf: (code: string) => string | undefined = () => undefined,
): Explanation {
  const { wait } = progress;
  return {
    host: keyText(keyOf(host)),
    headline: headline(host, progress, nowMs),
    ...(wait === undefined
      ? idleText(host)
      : { waiting: waitText(wait, nowMs), next: nextText(progress, wait, nowMs) }),
    ...errorOf(host),
    check: checks(host, progress, nowMs, hintOf),
    lastSeen: (progress.timeline ?? [])
      .slice(-SHOWN)
      .reverse()
      .map((e) => seenText(e, nowMs)),
  };
}

/** The explanation as lines for a terminal. */
export function explanationText(e: Explanation): string {
  const lines = [e.headline];
  if (e.error !== undefined) lines.push(`Error: ${e.error}`);
  if (e.waiting !== undefined) lines.push(e.waiting);
  if (e.next !== undefined) lines.push(e.next);
  for (const check of e.check) lines.push(`Check: ${check}`);
  if (e.lastSeen.length > 0) lines.push('Last seen:', ...e.lastSeen.map((l) => `  ${l}`));
  return `${lines.join('\n')}\n`;
}

function headline(host: BareMetalHost, progress: HostProgressStatus, nowMs: number): string {
  const name = keyText(keyOf(host));
  const state = host.status?.provisioning.state ?? '';
  const power = host.status?.poweredOn === true ? 'on' : 'off';
  if (host.metadata.annotations?.['baremetalhost.metal3.io/paused'] !== undefined) {
    return `${name} is paused (annotation baremetalhost.metal3.io/paused); nothing is done with it.`;
  }
  if (state === '') return `${name} has just been created; nothing was done with it yet.`;
  const { operation, step } = progress;
  if (operation === undefined) {
    const knownPower = host.status?.provisioning.ID === '' ? '' : `, powered ${power}`;
    if (host.status?.operationalStatus === 'error') return `${name} is ${state}${knownPower}, and in error.`;
    const idle = pendingText(host) === undefined ? ' Nothing is under way.' : '';
    return `${name} is ${state}${knownPower}.${idle}`;
  }
  const since = age(nowMs - Date.parse(operation.startedAt));
  const next = step ?? operation.step;
  const doing = progress.ramdiskBoot === undefined ? next : `booting the ramdisk, then ${next}`;
  return `${name} is ${state} (for ${since}): ${doing}${figuresText(progress)}.`;
}

function figuresText(p: HostProgressStatus): string {
  if (p.percent === undefined || p.bytesDone === undefined || p.bytesTotal === undefined) return '';
  const rate = p.bytesPerSecond === undefined ? '' : `, ${size(p.bytesPerSecond)}/s`;
  const eta = p.etaSeconds === undefined ? '' : `, about ${age(p.etaSeconds * 1000)} left`;
  return `, ${p.percent} % (${size(p.bytesDone)} of ${size(p.bytesTotal)}${rate}${eta})`;
}

function size(bytes: number): string {
  const mib = bytes / 2 ** 20;
  if (mib < 1) return `${Math.round(bytes / 1024)} KiB`;
  return mib < 1024 ? `${Math.round(mib)} MiB` : `${(mib / 1024).toFixed(1)} GiB`;
}

function waitText(wait: NonNullable<HostProgressStatus['wait']>, nowMs: number): string {
  const left = Date.parse(wait.until) - nowMs;
  const end = left > 0 ? `for another ${age(left)} at most` : `its time was up ${age(-left)} ago`;
  return `Waiting for ${wait.name}, since ${age(nowMs - Date.parse(wait.since))}; ${end}.`;
}

function nextText(progress: HostProgressStatus, wait: { until: string }, nowMs: number): string {
  const late = Date.parse(wait.until) <= nowMs ? 'Due now' : 'If it does not come';
  if (progress.ramdiskBoot?.step === 'wait-agent') {
    return `${late}: the machine is switched off and booted again, a limited number of times; then the host goes into error.`;
  }
  if (progress.softOffSince !== undefined) return `${late}: the power is cut.`;
  return `${late}: it is tried again, a limited number of times; then the host goes into error.`;
}

function errorOf(host: BareMetalHost): { error?: string } {
  const message = host.status?.errorMessage ?? '';
  if (message === '') return {};
  const count = host.status?.errorCount ?? 0;
  const times = count > 1 ? ` (${count} times)` : '';
  return { error: `${host.status?.errorType ?? 'error'}${times}: ${message}` };
}

/** Errors after which nothing is tried before somebody edits something. */
const UNTIL_EDITED = new Set([
  'BMC_ADDRESS_INVALID',
  'BMC_SCHEME_UNKNOWN',
  'BMC_SCHEME_REMOVED',
  'BMC_REDFISH_UNSUPPORTED',
  'HOST_BMC_DETAILS_MISSING',
  'HOST_BOOT_MAC_INVALID',
  'HOST_BOOT_MAC_MISSING',
  'HOST_CONFIG_INVALID',
  'HOST_CREDENTIALS_INVALID',
  'HOST_DEPLOY_UNSUPPORTED',
  'HOST_IMAGE_INVALID',
  'HOST_RETRIES_EXHAUSTED',
]);

/** The code at the end of a recorded failure. */
function codeOf(message: string): string {
  return /\(([A-Z][A-Z0-9_]+)\)$/.exec(message)?.[1] ?? /^([A-Z][A-Z0-9]*_[A-Z0-9_]+):/.exec(message)?.[1] ?? '';
}

/** What a host without work under way waits for: a Secret, an edit, the end of its backoff. */
function idleText(host: BareMetalHost): { waiting?: string; next?: string } {
  const pending = pendingText(host);
  if (pending !== undefined)
    return { waiting: `Waiting: ${pending}`, next: 'It goes on by itself when that is there.' };
  const { errorType, errorMessage = '' } = host.status ?? {};
  if (errorType === undefined) return {};
  if (UNTIL_EDITED.has(codeOf(errorMessage))) {
    return { next: 'It is tried again as soon as the host or its Secret is edited.' };
  }
  if (codeOf(errorMessage) === 'HOST_SECRET_MISSING') return { next: 'It goes on by itself when the Secret is there.' };
  return {
    next: 'It is tried again by itself after a pause that doubles with every failure, and at once after an edit of the host or its Secret.',
  };
}

/** What the lifecycle says it cannot go on without. */
function pendingText(host: BareMetalHost): string | undefined {
  const condition = host.status?.conditions?.find((c) => c.type === 'Progressing');
  return condition?.message.endsWith('(HOST_CONFIG_PENDING)') === true ? condition.message : undefined;
}

function checks(
  host: BareMetalHost,
  progress: HostProgressStatus,
  nowMs: number,
  hintOf: (code: string) => string | undefined,
): string[] {
  const hint = hintOf(codeOf(host.status?.errorMessage ?? ''));
  const out: string[] = hint === undefined ? [] : [hint];
  if (progress.ramdiskBoot?.step === 'wait-agent') {
    if (!comesOn(progress, nowMs)) out.push(diagnoseBoot(progress, bootMacOf(host), nowMs));
  } else if (progress.wait?.check !== undefined) out.push(progress.wait.check);
  const foreign = progress.timeline?.findLast((e) => e.kind === 'dhcp-foreign');
  if (foreign !== undefined && nowMs - lastSeenMs(foreign) < 3600_000) {
    out.push(`${foreign.text}; two servers on one network disturb each other (see --proxy-dhcp)`);
  }
  if (!host.spec.online && host.spec.image !== undefined && host.status?.provisioning.state === 'available') {
    out.push('spec.online is false: provisioning does not begin before it is true');
  }
  return out;
}

/** A boot that shows a sign of life every few seconds lacks nothing yet. */
const LIVELY_MS = 20_000;
const REFUSALS: ReadonlySet<string> = new Set(['dhcp-silent', 'agent-refused']);

function comesOn({ timeline = [] }: HostProgressStatus, nowMs: number): boolean {
  const sign = timeline.findLast((e) => isBootSign(e));
  return sign !== undefined && !REFUSALS.has(sign.kind) && nowMs - lastSeenMs(sign) < LIVELY_MS;
}

function seenText(entry: TimelineEntry, nowMs: number): string {
  const times = entry.count === undefined ? '' : ` (${entry.count} times)`;
  return `${age(nowMs - lastSeenMs(entry))} ago, ${entry.source}: ${entry.text}${times}`;
}
