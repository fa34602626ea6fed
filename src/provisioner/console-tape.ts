import { kubeTime } from '../core/clock.ts';
import { consoleText, endsInLine, noteText } from './console-text.ts';

/** Characters held beyond those that are kept: a secret cut in half at the start is then not among the kept. */
const MARGIN = 16 << 10;
/** Firmware clears its screen when it starts, some several times within a few characters. */
const CLEAR = /\u001b(?:c|\[2J)/g;
const SAME_START = 32;
/** Longer than any line of a console. */
const LINE = 4096;

/**
 * What a machine prints in one boot, its end. Begins again when the machine does: the request for a second boot script
 * tells that it has started anew, and the screen that its firmware cleared tells where.
 */
export class ConsoleTape {
  readonly #characters: number;
  #raw = '';
  #cut = false;
  #decoder = new TextDecoder();
  /** Offset just after what was there when the last boot script was asked for; -1: none was yet. */
  #script = -1;

  /** @param characters that are kept at most */
  constructor(characters: number) {
    this.#characters = characters;
  }

  print(bytes: Uint8Array): void {
    this.#add(this.#decoder.decode(bytes, { stream: true }));
  }

  /** A line of our own among those of the machine. @param gap may something that the machine printed be missing here? */
  note(nowMs: number, text: string, gap = true): void {
    this.#decoder = new TextDecoder();
    const halfLine = gap && endsInLine(this.#raw.slice(-LINE));
    this.#add(`${halfLine ? '…' : ''}${noteText(kubeTime(nowMs), text, gap)}`);
  }

  /** Goes on after what an earlier engine has kept. */
  goOn(kept: string): void {
    this.#raw = kept;
  }

  /**
   * The machine has asked for its boot script.
   * @returns the tape of the boot that is over, when this one was not the first of its boot; this tape then goes on with
   * what its firmware has printed since
   */
  script(nowMs: number): ConsoleTape | undefined {
    const first = this.#script === -1;
    let over: ConsoleTape | undefined;
    if (!first) {
      const start = this.#bootStart();
      over = new ConsoleTape(this.#characters);
      over.#raw = this.#raw.slice(0, start);
      over.#cut = this.#cut;
      this.#raw = noteText(kubeTime(nowMs), 'the machine has started again by itself', false) + this.#raw.slice(start);
      this.#cut = false;
    }
    this.#script = this.#raw.length;
    return over;
  }

  /** As a person reads it, without secrets. */
  text(): string {
    return consoleText(this.#raw, this.#cut);
  }

  #add(text: string): void {
    this.#raw += text;
    const over = this.#raw.length - this.#characters - MARGIN;
    if (over <= 0) return;
    this.#raw = this.#raw.slice(over);
    this.#cut = true;
    if (this.#script !== -1) this.#script = Math.max(0, this.#script - over);
  }

  /** Where the boot under way begins: at the last screen that was cleared since the script before; else its start is not known. */
  #bootStart(): number {
    const clears = [...this.#raw.matchAll(CLEAR)].map((m) => m.index).filter((at) => at >= this.#script);
    let start = clears.pop();
    if (start === undefined) return this.#raw.length;
    for (let before = clears.pop(); before !== undefined && start - before <= SAME_START; before = clears.pop()) {
      start = before;
    }
    return start;
  }
}
