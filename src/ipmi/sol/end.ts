import type { Clock, Timer } from '../../core/clock.ts';
import { IngotError } from '../../core/errors.ts';
import { type SolEvent, type SolNotice, type SolSide, decideSol, solStart, waitingCharacters } from './decide.ts';
import { decodeSol, encodeSol } from './packet.ts';

export interface SolEndDoors {
  clock: Clock;
  /** Sends one SOL payload. */
  send(bytes: Uint8Array): void;
  /** Characters of the other side. */
  output(bytes: Uint8Array): void;
  notice(notice: SolNotice): void;
  /** Called once; nothing else is called after it. */
  ended(why: 'deactivated' | 'silent'): void;
  /** Characters that can be taken now; default: any number. */
  room?: () => number;
  /** See `SolState`. */
  zeroIsAll?: boolean;
}

/** Drives `decideSol` with packets and a clock. */
export class SolEnd {
  readonly #doors: SolEndDoors;
  #state;
  #timer: Timer | undefined;
  #over = false;
  #drained: (() => void)[] = [];

  constructor(side: SolSide, maxCharacters: number, doors: SolEndDoors) {
    this.#doors = doors;
    this.#state = solStart(side, maxCharacters, doors.zeroIsAll);
  }

  /** Characters that wait to be sent or acknowledged. */
  get waiting(): number {
    return waitingCharacters(this.#state);
  }

  /** A SOL payload came. One that is broken is dropped: it comes again. */
  received(bytes: Uint8Array): void {
    let packet;
    try {
      packet = decodeSol(bytes);
    } catch (error) {
      if (!(error instanceof IngotError)) throw error;
      return;
    }
    this.#happen({ kind: 'packet', packet, room: this.#doors.room?.() ?? Number.POSITIVE_INFINITY });
  }

  write(bytes: Uint8Array): void {
    this.#happen({ kind: 'write', bytes });
  }

  sendBreak(): void {
    this.#happen({ kind: 'break' });
  }

  hold(on: boolean): void {
    this.#happen({ kind: 'hold', on });
  }

  /** Resolves when everything written was acknowledged, or this end is over. */
  drained(): Promise<void> {
    if (this.#over || this.waiting === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Stops without a word to the other side. */
  stop(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#release();
  }

  #happen(event: SolEvent): void {
    if (this.#over) return;
    const { state, send, output, notices, wakeMs, ended } = decideSol(this.#state, event);
    // A packet in flight keeps its time unless something about it changed.
    const same = wakeMs !== undefined && state.inFlight === this.#state.inFlight;
    this.#state = state;
    if (!same) {
      this.#timer?.cancel();
      this.#timer =
        wakeMs === undefined
          ? undefined
          : this.#doors.clock.timer(wakeMs, () => this.#happen({ kind: 'timeout' }), true);
    }
    for (const packet of send) this.#doors.send(encodeSol(packet));
    for (const bytes of output) this.#doors.output(bytes);
    for (const notice of notices) this.#doors.notice(notice);
    if (this.waiting === 0) this.#release();
    if (ended === undefined) return;
    this.stop();
    this.#doors.ended(ended);
  }

  #release(): void {
    const waiting = this.#drained;
    this.#drained = [];
    for (const resolve of waiting) resolve();
  }
}
