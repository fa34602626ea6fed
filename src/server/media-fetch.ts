import type { ObjectKey } from '../api/meta.ts';
import type { ProgressBook } from '../boot/progress-book.ts';
import type { Timeline } from '../boot/timeline.ts';
import { type Clock, kubeTime } from '../core/clock.ts';

/** How finely it is known which parts were fetched. */
const BLOCK = 64 * 1024;
/** More machines than fetch at a time; the one that began first is forgotten. */
const KEPT = 256;

interface Fetched {
  blocks: Uint8Array;
  count: number;
  percent: number;
}

/** How much of its ISO a BMC has fetched, in whatever ranges, for the timeline and for `ingot explain`. */
export class MediaFetch {
  readonly #doors: { book: ProgressBook; timeline: Timeline; clock: Clock };
  readonly #seen = new Map<string, Fetched>();

  constructor(doors: { book: ProgressBook; timeline: Timeline; clock: Clock }) {
    this.#doors = doors;
  }

  /** Somebody asks for the ISO. @param scope host and attempt @param from address of who asks */
  asked(key: ObjectKey, scope: string, size: number, from: string): void {
    if (this.#seen.has(scope)) return;
    this.#seen.set(scope, { blocks: new Uint8Array(Math.ceil(size / BLOCK)), count: 0, percent: -1 });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > KEPT && oldest !== undefined) this.#seen.delete(oldest);
    this.#doors.timeline.add(key, {
      source: 'http',
      kind: 'http-iso',
      text: `the ramdisk’s ISO was asked for by ${from}`,
    });
  }

  /** The bytes from `start` to `end` (past the last) were sent. A block counts when its last byte was. */
  sent(key: ObjectKey, scope: string, attempt: number, size: number, start: number, end: number): void {
    const fetched = this.#seen.get(scope);
    if (fetched === undefined) return;
    for (let block = Math.floor(start / BLOCK); block < fetched.blocks.length; block++) {
      if (Math.min(size, (block + 1) * BLOCK) > end) break;
      if (fetched.blocks[block] === 0) fetched.count += 1;
      fetched.blocks[block] = 1;
    }
    const percent = Math.floor((100 * fetched.count) / fetched.blocks.length);
    if (percent === fetched.percent) return;
    fetched.percent = percent;
    const { book, clock, timeline } = this.#doors;
    book.note(key, { mediaFetch: { attempt, percent, at: kubeTime(clock.now()) } });
    if (percent === 100)
      timeline.add(key, { source: 'http', kind: 'http-iso-whole', text: 'the ramdisk’s ISO was fetched whole' });
  }
}
