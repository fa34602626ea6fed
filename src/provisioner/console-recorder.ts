import { type ObjectKey, keyText } from '../api/meta.ts';
import type { Bmc } from '../bmc/bmc.ts';
import type { Observation } from '../boot/timeline.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { ConsoleTape } from './console-tape.ts';

/** Where consoles are kept. `server/console-logs.ts` through the composition. */
export interface ConsoleStore {
  begin(key: ObjectKey): Promise<void>;
  /** @param text all that is kept of this boot so far */
  write(key: ObjectKey, text: string): Promise<void>;
  /** Of the newest boot; empty: there is none. */
  read(key: ObjectKey): Promise<string>;
}

export interface RecorderDoors {
  store: ConsoleStore;
  clock: Clock;
  log: Logger;
  /** For the host's timeline. */
  see(key: ObjectKey, seen: Observation): void;
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

/** One boot's recording, under way or over. */
interface Recording {
  attempt: number;
  tape: ConsoleTape;
  stop: AbortController;
  over: boolean;
  ending: boolean;
  flush?: Timer | undefined;
  /** The last write to the store. */
  written: Promise<void>;
  /** Resolves when it is over. */
  work: Promise<void>;
}

/**
 * Records what machines print while they boot the ramdisk. Opt-in: it takes the one console that a BMC has, but never from
 * somebody who has it. Nothing here can fail a boot: a console that cannot be had is a line in the timeline.
 */
export class ConsoleRecorder {
  readonly #doors: RecorderDoors;
  readonly #recordings = new Map<string, Recording>();
  readonly #work = new Set<Promise<void>>();

  constructor(doors: RecorderDoors) {
    this.#doors = doors;
  }

  /** Recordings under way. */
  get recording(): number {
    return [...this.#recordings.values()].filter((r) => !r.over).length;
  }

  /**
   * A boot begins: the machine is about to be switched on.
   * @param attempt number of the boot
   * @returns when the console is open, or cannot be had: the machine's first words are not to be missed
   */
  async start(key: ObjectKey, bmc: Bmc, attempt: number): Promise<void> {
    await this.#begin(key, bmc, attempt, true);
  }

  /** A boot is under way. Records it, if that is not done yet: the engine may be new, or the machine has rebooted by itself. */
  keepOn(key: ObjectKey, bmc: Bmc, attempt: number): void {
    if (this.#recordings.get(keyText(key))?.attempt !== attempt) void this.#begin(key, bmc, attempt, false);
  }

  /** The machine has asked for its boot script. The second time in one boot, it has started again by itself. */
  booted(key: ObjectKey): void {
    const recording = this.#recordings.get(keyText(key));
    if (recording === undefined || recording.over) return;
    const before = recording.tape.script(this.#doors.clock.now());
    if (before === undefined) return;
    const { store } = this.#doors;
    this.#write(key, recording, async () => {
      await store.write(key, before.text());
      await store.begin(key);
    });
    this.#flush(key, recording);
  }

  /** The agent has registered, or the host is gone: a little more, then the console is free again. */
  finish(key: ObjectKey): void {
    const recording = this.#recordings.get(keyText(key));
    if (recording === undefined || recording.ending) return;
    recording.ending = true;
    this.#doors.clock.timer(AFTER_AGENT_MS, () => recording.stop.abort(), true);
  }

  /** Ends all recordings and gives the consoles back. */
  async close(): Promise<void> {
    for (const { stop } of this.#recordings.values()) stop.abort();
    await Promise.all(this.#work);
  }

  async #begin(key: ObjectKey, bmc: Bmc, attempt: number, fresh: boolean): Promise<void> {
    const { clock, log, characters, longestMs, signal } = this.#doors;
    const name = keyText(key);
    const before = this.#recordings.get(name);
    before?.stop.abort();
    const stop = new AbortController();
    const tape = new ConsoleTape(characters);
    const done = Promise.resolve();
    const recording = { attempt, tape, stop, over: false, ending: false, written: done, work: done };
    this.#recordings.set(name, recording);
    const control = bmc.console;
    if (control === undefined) {
      recording.over = true;
      this.#refused(key, 'the BMC offers none');
      return;
    }
    const timer = clock.timer(longestMs, () => stop.abort(), true);
    const opened = Promise.withResolvers<void>();
    const either = AbortSignal.any([stop.signal, signal]);
    // One console, one file: the recording before gives both back first.
    const work = (before?.work ?? done)
      .then(() => this.#record(key, control, recording, fresh, either, opened.resolve))
      .catch((error: unknown) => {
        log.warn('console is not recorded', { host: name, why: errorText(error) });
        if (!either.aborted) this.#refused(key, errorText(error));
      })
      .finally(() => {
        recording.over = true;
        opened.resolve();
        timer.cancel();
        this.#work.delete(work);
      });
    recording.work = work;
    this.#work.add(work);
    const late = clock.timer(OPEN_MS, () => opened.resolve(), true);
    await opened.promise;
    late.cancel();
  }

  #refused(key: ObjectKey, why: string): void {
    this.#doors.see(key, { source: 'bmc', kind: 'console-not-recorded', text: `its console is not recorded: ${why}` });
  }

  async #record(
    key: ObjectKey,
    control: NonNullable<Bmc['console']>,
    recording: Recording,
    fresh: boolean,
    signal: AbortSignal,
    onOpen: () => void,
  ): Promise<void> {
    const { store, clock } = this.#doors;
    const { tape, attempt } = recording;
    const kept = fresh ? '' : await store.read(key);
    if (kept.includes(beginning(attempt))) {
      tape.goOn(kept);
      tape.note(clock.now(), 'the engine was away, recording goes on');
    } else {
      await store.begin(key);
      tape.note(clock.now(), `${beginning(attempt)}${fresh ? '' : ', its beginning is missing'}`, !fresh);
    }
    this.#flush(key, recording);
    const notice = (text: string) => {
      tape.note(clock.now(), text);
      this.#flush(key, recording);
    };
    try {
      await using stream = await control.open(signal, notice, 'wait');
      onOpen();
      for await (const bytes of stream.output) {
        tape.print(bytes);
        recording.flush ??= clock.timer(FLUSH_MS, () => this.#flush(key, recording), true);
      }
    } finally {
      this.#flush(key, recording);
      await recording.written;
    }
  }

  /** Writes what is on the tape now. */
  #flush(key: ObjectKey, recording: Recording): void {
    recording.flush?.cancel();
    recording.flush = undefined;
    this.#write(key, recording, () => this.#doors.store.write(key, recording.tape.text()));
  }

  #write(key: ObjectKey, recording: Recording, work: () => Promise<void>): void {
    const { log } = this.#doors;
    recording.written = recording.written
      .then(work)
      .catch((error: unknown) => log.warn('console is not kept', { host: keyText(key), why: errorText(error) }));
  }
}

function beginning(attempt: number): string {
  return `boot ${attempt} into the ramdisk`;
}
