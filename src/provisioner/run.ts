import { bootModeOf } from '../api/predicates.ts';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { HostProgressStatus, OperationStatus } from '../api/hostprogress.ts';
import { type ObjectKey, keyOf, keyText } from '../api/meta.ts';
import { type BmcAddress, parseBmcAddress } from '../bmc/address.ts';
import type { ProgressPatch } from '../boot/progress-book.ts';
import { kubeTime } from '../core/clock.ts';
import type { ProvisionerDoors } from './doors.ts';
import type { HostContext, Outcome } from './provisioner.ts';

/** What one step says: go on, call again later, or give up. */
export type StepResult =
  | { kind: 'next'; patch?: ProgressPatch }
  | { kind: 'again'; ms: number }
  | { kind: 'failed'; code: string; message: string };

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
