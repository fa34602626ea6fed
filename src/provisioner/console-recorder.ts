import { type ObjectKey, keyText } from '../api/meta.ts';
import type { Bmc } from '../bmc/bmc.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { consoleText } from './console-text.ts';

/** Where consoles are kept. `server/console-logs.ts` through the composition. */
export interface ConsoleStore {
  begin(key: ObjectKey): Promise<void>;
  /** @param text all that is kept of this boot so far */
  write(key: ObjectKey, text: string): Promise<void>;
}

export interface RecorderDoors {
  store: ConsoleStore;
  clock: Clock;
  log: Logger;
  /** Characters of one boot that are held, its end. */
  characters: number;
  /** A boot is recorded for so long at most, ms: the console must not stay taken for ever. */
  longestMs: number;
  /** Aborts when the engine stops. */
  signal: AbortSignal;
}

/** How often what came is written to disk. */
const FLUSH_MS = 1000;
/** The console goes on for so long after the agent has registered, to show what it does first. */
const AFTER_AGENT_MS = 5000;
/** A boot does not wait longer than this for its console. */
const OPEN_MS = 15_000;
/** Characters held beyond those that are kept: a secret cut in half at the start is then not among the kept. */
const MARGIN = 16 << 10;

/**
 * Records what machines print while they boot the ramdisk. Opt-in: it takes the one console that a BMC has. Nothing here
 * can fail a boot: a console that cannot be had is a line in the log.
 */
export class ConsoleRecorder {
  readonly #doors: RecorderDoors;
  readonly #running = new Map<string, AbortController>();
  readonly #work = new Set<Promise<void>>();

  constructor(doors: RecorderDoors) {
    this.#doors = doors;
  }

  /** Recordings under way. */
  get recording(): number {
    return this.#running.size;
  }

  /**
   * A boot begins. A recording that still runs for this host ends.
   * @returns when the console is open, or cannot be had: the machine's first words are not to be missed
   */
  async start(key: ObjectKey, bmc: Bmc): Promise<void> {
    const { clock, log } = this.#doors;
    const name = keyText(key);
    this.#running.get(name)?.abort();
    const control = bmc.console;
    if (control === undefined) {
      log.info('console is not recorded: the BMC offers none', { host: name });
      return;
    }
    const stop = new AbortController();
    this.#running.set(name, stop);
    const signal = AbortSignal.any([stop.signal, this.#doors.signal]);
    const timer = clock.timer(this.#doors.longestMs, () => stop.abort(), true);
    const opened = Promise.withResolvers<void>();
    const work = this.#record(key, control, signal, () => opened.resolve())
      .catch((error: unknown) => log.warn('console is not recorded', { host: name, why: errorText(error) }))
      .finally(() => {
        opened.resolve();
        timer.cancel();
        if (this.#running.get(name) === stop) this.#running.delete(name);
        this.#work.delete(work);
      });
    this.#work.add(work);
    const late = clock.timer(OPEN_MS, () => opened.resolve(), true);
    await opened.promise;
    late.cancel();
  }

  /** The agent has registered, or the host is gone: a little more, then the console is free again. */
  finish(key: ObjectKey): void {
    const stop = this.#running.get(keyText(key));
    if (stop !== undefined) this.#doors.clock.timer(AFTER_AGENT_MS, () => stop.abort(), true);
  }

  /** Ends all recordings and gives the consoles back. */
  async close(): Promise<void> {
    for (const stop of this.#running.values()) stop.abort();
    await Promise.all(this.#work);
  }

  async #record(
    key: ObjectKey,
    control: NonNullable<Bmc['console']>,
    signal: AbortSignal,
    onOpen: () => void,
  ): Promise<void> {
    const { store, clock, characters, log } = this.#doors;
    await store.begin(key);
    await using stream = await control.open(signal);
    onOpen();
    const decoder = new TextDecoder();
    let text = '';
    let cut = false;
    let timer: Timer | undefined;
    let written = Promise.resolve();
    const flush = () => {
      timer = undefined;
      written = written
        .then(() => store.write(key, consoleText(text, cut)))
        .catch((error: unknown) => log.warn('console is not kept', { host: keyText(key), why: errorText(error) }));
    };
    try {
      for await (const bytes of stream.output) {
        text += decoder.decode(bytes, { stream: true });
        if (text.length > characters + MARGIN) {
          text = text.slice(-characters - MARGIN);
          cut = true;
        }
        timer ??= clock.timer(FLUSH_MS, flush, true);
      }
    } finally {
      timer?.cancel();
      flush();
      await written;
    }
  }
}
