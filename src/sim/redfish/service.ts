import type { Clock, Timer } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { BootOrder, MachineEvent, RedfishMachine } from './machine-door.ts';
import { type Paths, pathsOf } from './paths.ts';
import { type Personality, Quirks } from './personality.ts';
import type { Quirk } from './quirks.ts';
import { AccountBook } from './state/accounts.ts';
import { BiosState } from './state/bios.ts';
import { type Component, components } from './state/firmware.ts';
import { EventLog } from './state/log.ts';
import { type MediaSlot, newSlot } from './state/media.ts';
import { SessionBook } from './state/sessions.ts';
import { type StorageOptions, StorageState } from './state/storage.ts';
import { type BmcEvent, SubscriptionBook } from './state/subscriptions.ts';
import { TaskBook } from './state/tasks.ts';

export interface ServiceOptions {
  personality: Personality;
  machine: RedfishMachine;
  username: string;
  password: string;
  clock: Clock;
  log: Logger;
  /** Added to those of the personality; the later one of a kind wins. */
  quirks?: readonly Quirk[];
  storage?: StorageOptions;
  /** How long a firmware update takes, ms. Default 2000. */
  updateMs?: number;
  /** How long the BMC is silent while it restarts, ms. Default 3000. */
  restartMs?: number;
}

/** What a BMC knows, and what it does by itself. The resources read and write this; `server.ts` carries the requests. */
export class RedfishService {
  readonly personality: Personality;
  readonly paths: Paths;
  readonly quirks: Quirks;
  readonly machine: RedfishMachine;
  readonly clock: Clock;
  readonly log: Logger;
  readonly accounts = new AccountBook();
  readonly sessions: SessionBook;
  readonly tasks: TaskBook;
  readonly subscriptions: SubscriptionBook;
  readonly bios: BiosState;
  readonly storage: StorageState;
  readonly eventLog = new EventLog();
  readonly media: readonly MediaSlot[];
  readonly firmware: Component[];
  readonly updateMs: number;
  readonly restartMs: number;
  secureBoot = { enabled: false, next: false };
  /** Waits in the settings object for the next start. */
  pendingBoot: BootOrder | undefined;
  indicator: 'Off' | 'Lit' | 'Blinking' = 'Off';
  assetTag = '';
  /** Of the BMC itself: in the service root and the manager. */
  readonly uuid: string;
  /** How far the BMC's own clock is off, ms. */
  clockOffsetMs = 0;
  /** Set by the server. */
  address = '127.0.0.1';
  certificatePem: string | undefined;
  /** Set by the server: the BMC goes away and comes back, sessions lost. */
  restart: () => void = () => {};
  /** Monotonic ms of the last accepted power action and of the last write of configuration. */
  lastPower: number | undefined;
  lastWrite: number | undefined;
  readonly #atBoot: (() => void | Promise<void>)[] = [];
  readonly #timers = new Set<Timer>();
  readonly #unwatch: () => void;

  constructor(options: ServiceOptions) {
    const { personality, machine, clock } = options;
    this.personality = personality;
    this.paths = pathsOf(personality);
    this.quirks = new Quirks([...personality.quirks, ...(options.quirks ?? [])]);
    this.machine = machine;
    this.clock = clock;
    this.uuid = machine.facts.uuid.replace(/^.{8}/, (first) => [...first].toReversed().join(''));
    this.log = options.log;
    this.updateMs = options.updateMs ?? 2000;
    this.restartMs = options.restartMs ?? 3000;
    this.sessions = new SessionBook(clock, this.quirks.find('session-limit')?.sessions);
    this.tasks = new TaskBook(clock, this.quirks, (task) =>
      this.publish({
        messageId: 'TaskEvent.1.0.TaskCompletedOK',
        message: `The task with Id '${task.id}' has ended.`,
        severity: task.state === 'Completed' ? 'OK' : 'Warning',
        args: [task.id],
        origin: `${this.paths.tasks}/${task.id}`,
        eventType: 'StatusChange',
      }),
    );
    this.subscriptions = new SubscriptionBook(clock, options.log);
    this.bios = new BiosState(machine.facts.serial);
    this.bios.attributes['BootMode'] = machine.bootMode() === 'UEFI' ? 'Uefi' : 'Bios';
    this.storage = new StorageState(machine.facts.drives, options.storage);
    this.media = personality.media.slots.map(newSlot);
    this.firmware = components(personality, machine.facts);
    this.accounts.add({
      name: options.username,
      password: options.password,
      role: 'Administrator',
      enabled: true,
      mustChange: false,
    });
    this.#unwatch = machine.watch((event) => this.#machineSaid(event));
  }

  /** Does `work` when the machine starts next: settings of the firmware, staged updates. */
  atNextBoot(work: () => void | Promise<void>): void {
    this.#atBoot.push(work);
  }

  /** Does `work` after `ms`; forgotten when the service closes. */
  later(ms: number, work: () => void): void {
    const timer = this.clock.timer(
      ms,
      () => {
        this.#timers.delete(timer);
        work();
      },
      true,
    );
    this.#timers.add(timer);
  }

  publish(event: BmcEvent): void {
    this.eventLog.add(this.clock.now(), event.severity, event.message);
    this.subscriptions.publish(event);
  }

  /** Starts something that no request waits for. */
  background(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.log.debug(`${what} failed`, { error: errorText(error) });
      this.eventLog.add(this.clock.now(), 'Warning', `${what} failed`);
    });
  }

  /** Lets go of the machine (which stays as it is) and of all that is under way. */
  close(): void {
    this.#unwatch();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.subscriptions.close();
  }

  #machineSaid(event: MachineEvent): void {
    if (event.kind === 'boot') {
      this.#booted();
      return;
    }
    this.publish({
      messageId: 'ResourceEvent.1.3.ResourcePoweredOn'.replace('On', event.state === 'Off' ? 'Off' : 'On'),
      message: `The power of ${this.machine.facts.name} is ${event.state}.`,
      severity: 'OK',
      args: [this.paths.system],
      origin: this.paths.system,
      eventType: 'StatusChange',
    });
  }

  #booted(): void {
    if (this.bios.apply(this.clock.now())) this.#bootModeFollowsBios();
    this.secureBoot.enabled = this.secureBoot.next && this.machine.bootMode() === 'UEFI';
    for (const component of this.firmware) {
      if (component.staged === undefined) continue;
      component.version = component.staged;
      delete component.staged;
    }
    for (const work of this.#atBoot.splice(0)) this.background('work of the machine’s start', Promise.resolve(work()));
  }

  /** The attribute and the property are two views of one setting. */
  #bootModeFollowsBios(): void {
    const wanted = this.bios.attributes['BootMode'] === 'Bios' ? 'Legacy' : 'UEFI';
    if (wanted !== this.machine.bootMode()) this.background('boot mode', this.machine.setBootMode(wanted));
  }
}
