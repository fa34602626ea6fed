import type { BareMetalHost, CredentialsStatus, HostErrorType } from '../api/baremetalhost.ts';
import type { Outcome } from '../provisioner/provisioner.ts';
import { type EventReason, type HostEvent, errorReason } from './events.ts';
import type { Note, SimpleCounter } from './metrics.ts';
import { type HostStatus, clearError, completeStatus, setError } from './status.ts';
import { failureBackoffMs } from './timers.ts';
import type { ProvisioningState } from '../api/baremetalhost.ts';

export interface LifecycleConfig {
  /** Hosts that may inspect, provision and deprovision at once (PROVISIONING_LIMIT). */
  provisioningLimit: number;
  /** Attempts at one image before the host waits for a person; 0: without end. */
  maxProvisioningRetries: number;
}

export const DEFAULT_LIFECYCLE: LifecycleConfig = { provisioningLimit: 20, maxProvisioningRetries: 5 };

/** How one pass ends. */
export type Verdict =
  /** The state's work goes on; look again after `requeueMs`. */
  | { kind: 'continue'; requeueMs: number }
  /** This state is over. */
  | { kind: 'move'; to: ProvisioningState }
  /** Something was learned that changes what comes next: start over at once. */
  | { kind: 'again' }
  /** A failure was recorded. */
  | { kind: 'failed'; requeueMs: number }
  /** Only an edit of the host or of its Secrets can help. */
  | { kind: 'idle' }
  /** Everything is released: the host object may go. */
  | { kind: 'gone' };

/** Facts and drafts of one pass over one host. Facts are never written to; drafts become API writes afterwards. */
export interface Pass {
  readonly host: BareMetalHost;
  /** Draft of the status. */
  readonly status: HostStatus;
  /** The claimed Secret; undefined when there is none to be had (unmanaged, or deleting without it). */
  readonly credentials: CredentialsStatus | undefined;
  readonly nowMs: number;
  readonly random: () => number;
  readonly config: LifecycleConfig;
  readonly events: HostEvent[];
  readonly notes: Note[];
  /** Annotations to set (text) or remove (null). */
  readonly annotations: Map<string, string | null>;
  /** What the state waits for, for the Progressing condition. */
  waiting: string | undefined;
}

export function newPass(facts: {
  host: BareMetalHost;
  credentials: CredentialsStatus | undefined;
  nowMs: number;
  random: () => number;
  config: LifecycleConfig;
}): Pass {
  return {
    ...facts,
    status: completeStatus(facts.host.status),
    events: [],
    notes: [],
    annotations: new Map(),
    waiting: undefined,
  };
}

export function emit(pass: Pass, reason: EventReason, message: string): void {
  pass.events.push({ reason, message });
}

export function count(pass: Pass, name: SimpleCounter): void {
  pass.notes.push({ metric: 'simple', name });
}

export function isDeleting(pass: Pass): boolean {
  return pass.host.metadata.deletionTimestamp !== undefined;
}

/** Records a failure of a phase: status, Event, metric, and the wait before the next try. */
export function fail(pass: Pass, type: HostErrorType, message: string): Verdict {
  setError(pass.status, type, message);
  const reason = errorReason(type);
  emit(pass, reason, message);
  pass.notes.push({ metric: 'error', reason });
  return { kind: 'failed', requeueMs: failureBackoffMs(pass.status.errorCount, pass.random) };
}

/** The words of a provisioner's failure, with its code at the end, where people grep for it. */
export function failureText(failure: { code: string; message: string }): string {
  return failure.message.includes(failure.code) ? failure.message : `${failure.message} (${failure.code})`;
}

/** Is the last recorded failure one of this phase? Then the phase is told to start over. */
export function failedIn(pass: Pass, type: HostErrorType): boolean {
  return pass.status.errorType === type;
}

/**
 * Common end of a provisioner call: a failure is recorded as `type`, work under way forgets the error and waits.
 * @returns undefined when the call is done
 */
export function unfinished<T>(pass: Pass, outcome: Outcome<T>, type: HostErrorType): Verdict | undefined {
  if (outcome.kind === 'failed') return fail(pass, type, failureText(outcome));
  if (outcome.kind === 'done') return undefined;
  if (pass.status.errorType !== undefined) clearError(pass.status);
  return { kind: 'continue', requeueMs: outcome.requeueMs };
}
