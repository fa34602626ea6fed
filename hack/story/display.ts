import type { Writable } from 'node:stream';
import type { HostProgressStatus } from '../../src/api/hostprogress.ts';

/** What the demo says while it runs: lines that stay, and on a terminal a block at the bottom that is kept up to date. */
export class Display {
  readonly #out: Writable & { isTTY?: boolean; columns?: number };
  readonly #started = performance.now();
  readonly #live = new Map<string, string>();
  #drawn = 0;

  constructor(out: Writable & { isTTY?: boolean; columns?: number }) {
    this.#out = out;
  }

  /** A line that stays. */
  say(text: string): void {
    this.#clear();
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1).padStart(6);
    this.#out.write(`[${seconds} s] ${text}\n`);
    this.#draw();
  }

  /** The present line of one host; undefined takes it away. Not a terminal: a plain line now and then, not each time. */
  live(name: string, text: string | undefined): void {
    if (text === undefined) this.#live.delete(name);
    else this.#live.set(name, text);
    if (this.#out.isTTY !== true) return;
    this.#clear();
    this.#draw();
  }

  /** Takes the live block away for good: what is printed from now on, by anybody, stays. */
  settle(): void {
    this.#clear();
    this.#live.clear();
  }

  get tty(): boolean {
    return this.#out.isTTY === true;
  }

  #clear(): void {
    if (this.#drawn > 0) this.#out.write(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }

  #draw(): void {
    if (this.#out.isTTY !== true) return;
    // Some terminals do not say how wide they are: 0.
    const width = (this.#out.columns || 80) - 1;
    for (const [name, text] of this.#live) this.#out.write(`  ${name}: ${text}`.slice(0, width) + '\n');
    this.#drawn = this.#live.size;
  }
}

/** "provisioning, writing image 43 %, 85 MB/s, 00:05 left" as far as is known. */
export function progressText(status: HostProgressStatus): string {
  const words = [[status.phase, status.step].filter((w) => w !== undefined && w !== '').join(', ')];
  if (status.percent !== undefined) words[0] += ` ${Math.floor(status.percent)} %`;
  if (status.bytesPerSecond !== undefined && status.bytesPerSecond > 0)
    words.push(`${(status.bytesPerSecond / 1e6).toFixed(0)} MB/s`);
  if (status.etaSeconds !== undefined) words.push(`${clock(status.etaSeconds)} left`);
  if (status.percent === undefined && status.wait !== undefined) words.push(`waiting for ${status.wait.name}`);
  return words.join(', ');
}

function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${String(Math.floor(whole / 60)).padStart(2, '0')}:${String(whole % 60).padStart(2, '0')}`;
}
