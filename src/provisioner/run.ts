import { bootModeOf } from '../api/predicates.ts';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { HostProgressStatus, OperationStatus } from '../api/hostprogress.ts';
import { type ObjectKey, keyOf, keyText } from '../api/meta.ts';
import { type BmcAddress, parseBmcAddress } from '../bmc/address.ts';
import type { Bmc } from '../bmc/bmc.ts';
import type { ProgressPatch } from '../boot/progress-book.ts';
import { kubeTime } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import { IngotError } from '../core/errors.ts';
import { redact, redactText } from '../core/log.ts';
import type { ProvisionerDoors } from './doors.ts';
import type { HostContext, Outcome } from './provisioner.ts';

/** What one step says: go on, call again later, or give up. */
export type StepResult =
  | { kind: 'next'; patch?: ProgressPatch }
  | { kind: 'again'; ms: number }
  | { kind: 'failed'; code: string; message: string };

/** What this machine or its BMC cannot do, now or later. */
export function unsupported(message: string) {
  return { kind: 'failed', code: 'PROVISION_UNSUPPORTED', message } as const;
}

/** Turns a step's word into an outcome. */
export async function outcomeOf(action: () => Promise<StepResult>): Promise<Outcome<object>> {
  const result = await action();
  switch (result.kind) {
    case 'next':
      return { kind: 'done' };
    case 'again':
      return { kind: 'continue', requeueMs: result.ms, dirty: false };
    case 'failed':
      return result;
  }
}

/** One call for one host: its doors, its key and shorthands. Holds no state of its own. */
export class Run {
  readonly doors: ProvisionerDoors;
  readonly context: HostContext;
  readonly key: ObjectKey;

  constructor(doors: ProvisionerDoors, context: HostContext) {
    this.doors = doors;
    this.context = context;
    this.key = keyOf(context.host);
  }

  get host(): BareMetalHost {
    return this.context.host;
  }

  get name(): string {
    return keyText(this.key);
  }

  get status(): HostProgressStatus {
    return this.doors.book.status(this.key);
  }

  get operation(): OperationStatus | undefined {
    return this.status.operation;
  }

  get now(): number {
    return this.doors.clock.now();
  }

  /** What the BMC is told to boot with. */
  get firmware(): 'uefi' | 'legacy' {
    return bootModeOf(this.host) === 'legacy' ? 'legacy' : 'uefi';
  }

  /** How the ramdisk gets to this machine. @throws errors of `bmcErrors` for an address that is none */
  get bootMethod(): BmcAddress['boot'] {
    return parseBmcAddress(this.host.spec.bmc?.address ?? '').boot;
  }

  /**
   * One piece of work with the host’s BMC, within the time that a BMC gets for one.
   * @param name for the message when that is over: "the BMC to handle firmware"
   * @throws what `work` throws, without what lets machines in; errors of `deadlineErrors` and of `bmcErrors`
   */
  async withBmc<T>(name: string, work: (bmc: Bmc, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, limits, bmcs } = this.doors;
    using deadline = new Deadline(clock, name, limits.bmcMs, this.context.signal);
    try {
      return await work(await bmcs.get(this.context), deadline.signal);
    } catch (error) {
      throw withoutSecrets(error);
    }
  }

  update(patch: ProgressPatch): Promise<void> {
    return this.doors.book.update(this.key, () => patch);
  }

  /** A named wait of `ms` from now. */
  wait(name: string, ms: number, check?: string): HostProgressStatus['wait'] {
    const wait = { name, since: kubeTime(this.now), until: kubeTime(this.now + ms) };
    return check === undefined ? wait : { ...wait, check };
  }

  see(source: 'bmc' | 'agent' | 'host', kind: string, text: string): void {
    this.doors.timeline.add(this.key, { source, kind, text });
  }
}

/** What a BMC says about an ISO may name its URL, which lets machines in; errors end up where everybody reads. */
function withoutSecrets(error: unknown): unknown {
  if (!(error instanceof IngotError) || redactText(error.message) === error.message) return error;
  const { code, host, seen, cause } = error;
  return new IngotError(code, error, redactText(error.message), {
    seen: redact(seen) as Record<string, unknown>,
    ...(host === undefined ? {} : { host }),
    ...(cause === undefined ? {} : { cause }),
  });
}
