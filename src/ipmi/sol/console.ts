import { type Clock, sleep } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { LinkHandlers, PayloadLink } from '../client.ts';
import type { Command, RunCommand } from '../commands/command.ts';
import { ActivateRefusal, activateSol, type Activation, activationFlags } from '../commands/payload/activate.ts';
import { deactivateSol } from '../commands/payload/deactivate.ts';
import { solInstance } from '../commands/payload/instance-info.ts';
import { getSessionInfo } from '../commands/session/info.ts';
import { getUserName } from '../commands/user/name.ts';
import { completionOf, ipmiErrors, unlessRefused } from '../errors.ts';
import { PayloadType } from '../numbers.ts';
import type { WireQuirks } from '../wire-quirks.ts';
import { SolEnd } from './end.ts';
import { charactersOf } from './packet.ts';

/** What a console needs of an `IpmiClient`. */
export interface SolClient {
  run: RunCommand;
  link(type: number, handlers: LinkHandlers, signal: AbortSignal): Promise<PayloadLink>;
}

export interface SolConsoleOptions {
  client: SolClient;
  clock: Clock;
  log: Logger;
  /** Port of the BMC, to compare with the one it names. */
  port: number;
  /** Gets what the machine prints. */
  output(bytes: Uint8Array): void;
  /** Characters that `output` can take now; the rest stays with the BMC. */
  room(): number;
  /** For people: "console lost, connecting again". */
  notice(text: string): void;
  /** Is the console taken away from another session that has it? Else that session's end is waited for. */
  take: boolean;
  signal: AbortSignal;
  quirks?: Pick<WireQuirks, 'solFlags' | 'solZeroIsAll'>;
}

/** After so long without a packet the BMC is asked whether the console is still ours. */
const QUIET_MS = 20_000;
const BACKOFF_MS = [500, 1000, 2000, 5000, 10_000, 30_000] as const;
/** Longest pause of one that waits for another session's end: what the machine prints meanwhile is lost to it. */
const PATIENT_MS = 5000;
/** Refusals with which a BMC says that a retry is of no use. */
const FINAL: ReadonlySet<number> = new Set([ActivateRefusal.disabled, ActivateRefusal.mustEncrypt, 0xc1, 0xcc, 0xd4]);

interface Lost {
  why: string;
  /** Another session has it now: it is not taken away from there. */
  taken: boolean;
}

/** `lost`: whoever has the console now keeps it. */
type Release = 'given back' | 'lost';

/** One activation of the console, from Activate Payload to its end. */
interface Attached {
  end: SolEnd;
  over: Promise<Lost>;
  release(how: Release): Promise<void>;
}

/**
 * The serial console behind a BMC, kept open: when the BMC restarts, drops the console or gives it to another session,
 * it is activated again.
 */
export class SolConsole {
  readonly #options: SolConsoleOptions;
  #attached: Attached | undefined;
  #held = false;

  constructor(options: SolConsoleOptions) {
    this.#options = options;
  }

  /** Opens the console, or, where it is not to be taken, says that another session has it. @throws IPMI_* when it cannot be had */
  async open(): Promise<void> {
    const { take } = this.#options;
    try {
      this.#attached = await this.#attach(take);
    } catch (error) {
      if (take || completionOf(error) !== ActivateRefusal.alreadyActive) throw error;
      this.#options.notice(`${await this.#holder()} has the console, waiting for its end`);
    }
  }

  /**
   * Keeps the console open until the signal ends it; then gives it back to the BMC.
   * @throws IPMI_* when the BMC will not give it any more
   */
  async keep(): Promise<void> {
    const { clock, log, take, signal } = this.#options;
    const notice = (text: string) => this.#options.notice(text);
    try {
      let taken = false;
      let heard = this.#attached !== undefined;
      // Who has it? Said once each time: by `open` where it could not be had.
      let told = !heard;
      for (let failures = 0; !signal.aborted;) {
        try {
          this.#attached ??= await this.#attach(take && !taken);
          if (!heard) notice('console opened');
          else if (failures > 0) notice('console is back');
          heard = true;
          failures = 0;
          const lost = await aborted(this.#attached.over, signal);
          if (lost === undefined) return;
          taken = lost.taken;
          told = false;
          log.info('console lost', { ...lost });
          notice(`console lost (${lost.why}), connecting again`);
          await this.#release('lost');
        } catch (error) {
          if (signal.aborted) return;
          if (isFinal(error)) throw error;
          log.info('console cannot be opened again yet', { why: errorText(error) });
          if (!told && completionOf(error) === ActivateRefusal.alreadyActive) {
            told = true;
            notice(`${await this.#holder()} has it now`);
          }
        }
        const pause = BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)] ?? 0;
        await sleep(clock, take ? pause : Math.min(pause, PATIENT_MS), signal).catch(() => {});
      }
    } finally {
      await this.#release('given back');
    }
  }

  /** Types. Resolves when the BMC has taken it, or the console was lost before. */
  async write(bytes: Uint8Array): Promise<void> {
    const end = this.#attached?.end;
    end?.write(bytes);
    await end?.drained();
  }

  async sendBreak(): Promise<void> {
    const end = this.#attached?.end;
    end?.sendBreak();
    await end?.drained();
  }

  /** Asks the machine to stop printing, or to go on. */
  hold(on: boolean): void {
    this.#held = on;
    this.#attached?.end.hold(on);
  }

  async #release(how: Release): Promise<void> {
    const attached = this.#attached;
    this.#attached = undefined;
    await attached?.release(how);
  }

  async #attach(kick: boolean): Promise<Attached> {
    const { client, clock, log, port, signal } = this.#options;
    const over = Promise.withResolvers<Lost>();
    let end: SolEnd | undefined;
    let heardAt = clock.monotonic();
    const early: Uint8Array[] = [];
    const handlers: LinkHandlers = {
      payload: (bytes) => {
        heardAt = clock.monotonic();
        // A BMC may print before its answer to Activate Payload has come.
        if (end !== undefined) end.received(bytes);
        else if (early.length < MAX_EARLY) early.push(bytes);
      },
      ended: () => over.resolve({ why: 'the session with the BMC ended', taken: false }),
    };
    const link = await client.link(PayloadType.sol, handlers, signal);
    const watching = new AbortController();
    try {
      const activation = await this.#activate(kick);
      checkPort(activation, port, log);
      end = new SolEnd('console', charactersOf(activation.inboundBytes), {
        zeroIsAll: this.#options.quirks?.solZeroIsAll === true,
        clock,
        send: (bytes) => link.send(bytes),
        output: (bytes) => this.#options.output(bytes),
        room: () => this.#options.room(),
        notice: (kind) => log.info('console', { kind }),
        ended: (why) =>
          over.resolve(
            why === 'silent'
              ? { why: 'the BMC does not take what is typed', taken: false }
              : { why: 'the BMC ended it', taken: true },
          ),
      });
      for (const bytes of early) end.received(bytes);
      if (this.#held) end.hold(true);
    } catch (error) {
      link.release();
      throw error;
    }
    const attached = end;
    const both = AbortSignal.any([signal, watching.signal]);
    void this.#watch(() => heardAt, both).then((why) => why !== undefined && over.resolve({ why, taken: false }));
    return {
      end: attached,
      over: over.promise,
      release: async (how) => {
        watching.abort();
        attached.stop();
        link.release();
        if (how === 'given back') await this.#deactivate();
      },
    };
  }

  /** §24.1: with `kick`, a stuck console of an earlier session is ended once; a BMC without encryption is asked without. */
  async #activate(kick: boolean): Promise<Activation> {
    const { client, signal, quirks = {} } = this.#options;
    let isProtected = true;
    let ended = !kick;
    for (;;) {
      try {
        return await client.run(activateSol(quirks.solFlags ?? activationFlags(isProtected)), signal);
      } catch (error) {
        const completion = completionOf(error);
        if (completion === ActivateRefusal.alreadyActive && !ended) {
          ended = true;
          this.#options.notice(`${await this.#holder()} had the console; it is taken from there`);
          // Meanwhile the other session may have ended it itself.
          await unlessRefused(() => client.run(deactivateSol(), signal));
        } else if (completion === ActivateRefusal.cannotEncrypt && isProtected && quirks.solFlags === undefined)
          isProtected = false;
        else throw described(error, completion);
      }
    }
  }

  /** Who has the console, in words, as far as the BMC tells. */
  async #holder(): Promise<string> {
    const { client, signal } = this.#options;
    const some = 'another session';
    // Nothing depends on it: whatever fails here, the console is the matter.
    const ask = <T>(command: Command<T>) => client.run(command, signal).catch(() => {});
    const id = await ask(solInstance());
    const info = typeof id === 'number' && id !== 0 ? await ask(getSessionInfo(id)) : undefined;
    if (info === undefined) return some;
    const name = ((await ask(getUserName(info.userId))) ?? '').replaceAll(/[^ -~]/g, '?');
    const user = name === '' ? `user ${info.userId}` : `user "${name}"`;
    return `${some} (${user}${info.address === undefined ? '' : ` at ${info.address}`})`;
  }

  /** Asks now and then whether the console is still ours: some BMCs forget it when the machine restarts. */
  async #watch(heardAt: () => number, signal: AbortSignal): Promise<string | undefined> {
    const { client, clock } = this.#options;
    for (;;) {
      try {
        await sleep(clock, QUIET_MS, signal);
        if (clock.monotonic() - heardAt() < QUIET_MS) continue;
        const holder = await unlessRefused(() => client.run(solInstance(), signal));
        if (holder === 0) return 'the BMC forgot it';
      } catch (error) {
        return signal.aborted ? undefined : errorText(error);
      }
    }
  }

  /** Gives the console back, shortly: the BMC may be gone. */
  async #deactivate(): Promise<void> {
    const { client, clock, log } = this.#options;
    const limit = new AbortController();
    const timer = clock.timer(GIVE_BACK_MS, () => limit.abort(new Error('no answer')), true);
    try {
      await client.run(deactivateSol(), limit.signal);
    } catch (error) {
      log.debug('console was not deactivated', { why: errorText(error) });
    } finally {
      timer.cancel();
    }
  }
}

/** Packets kept of those that come before the answer to Activate Payload. */
const MAX_EARLY = 16;
const GIVE_BACK_MS = 3000;

/** The port in the answer is of no use when it is another one: §1.6 of many boards' own making. Told for bug reports. */
function checkPort(activation: Activation, port: number, log: Logger): void {
  const swapped = ((activation.port & 0xff) << 8) | (activation.port >> 8);
  if (activation.port === port || swapped === port) return;
  log.debug('the BMC names another port for its console; the session stays where it is', { port: activation.port });
}

/** Is another try of no use? */
function isFinal(error: unknown): boolean {
  const over = (['IPMI_AUTH_FAILED', 'IPMI_CLOSED', 'IPMI_NEEDS_V2'] as const).some((c) => ipmiErrors.is(error, c));
  return over || FINAL.has(completionOf(error) ?? 0);
}

const REFUSAL_HINT: Readonly<Record<number, string>> = {
  [ActivateRefusal.alreadyActive]: 'another session holds the console: end it there',
  [ActivateRefusal.disabled]: 'enable serial over LAN in the settings of the BMC',
  [ActivateRefusal.limit]: 'too many consoles are open on the BMC: end one',
  [ActivateRefusal.mustEncrypt]: 'the BMC wants an encrypted console: use a cipher suite with encryption (3 or 17)',
  0xc1: 'the BMC has no serial over LAN',
};

function described(error: unknown, completion: number | undefined): unknown {
  const hint = completion === undefined ? undefined : REFUSAL_HINT[completion];
  if (completion === undefined || hint === undefined) return error;
  return ipmiErrors.make('IPMI_SOL_REFUSED', `the BMC gives no console: ${errorText(error)}`, {
    seen: { completion },
    hint,
    cause: error,
  });
}

/** What `promise` gives, or undefined when the signal comes first. */
function aborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve(undefined);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
  });
}
