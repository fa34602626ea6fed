/** Not in TypeScript's libraries without the DOM's. */
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
};

/** WebAssembly allocates in pages of this size, and aligned to them. */
const PAGE = 65536;

/**
 * Buffers whose memory begins on a page, as direct I/O demands. Node's own buffers may begin anywhere; the memory of a
 * WebAssembly instance always begins on a page, so one of those is cut into slots. The pool is all the memory a writer
 * ever uses for raw data.
 */
export class BufferPool {
  readonly slotBytes: number;
  /** A slot that stays zero: the source of zero writes. */
  readonly zeros: Uint8Array;
  readonly #free: Uint8Array[] = [];
  readonly #waiting: ((slot: Uint8Array) => void)[] = [];

  /** @param slotBytes a multiple of 64 KiB */
  constructor(slots: number, slotBytes: number) {
    this.slotBytes = slotBytes;
    const memory = new WebAssembly.Memory({
      initial: ((slots + 1) * slotBytes) / PAGE,
      maximum: ((slots + 1) * slotBytes) / PAGE,
    });
    const slot = (i: number) => new Uint8Array(memory.buffer, i * slotBytes, slotBytes);
    this.zeros = slot(slots);
    for (let i = 0; i < slots; i++) this.#free.push(slot(i));
  }

  /** Lends a slot to `use`; waits while all are lent. Its content is whatever was there before. */
  async with<T>(use: (slot: Uint8Array) => Promise<T>): Promise<T> {
    const slot = this.#free.pop() ?? (await new Promise<Uint8Array>((resolve) => this.#waiting.push(resolve)));
    try {
      return await use(slot);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(slot);
      else next(slot);
    }
  }
}
