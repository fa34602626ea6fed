import type { BlockDevice } from '../../src/agent/write/block-device.ts';
import { BufferPool } from '../../src/agent/write/buffer-pool.ts';
import { FRAME_BYTES } from '../../src/image/manifest-types.ts';

/** One for all: a WebAssembly memory is only freed by the garbage collector. */
const POOL = new BufferPool(4, FRAME_BYTES);

/**
 * A disk in memory with a volatile write cache: what was written since the last flush is lost, wholly or in part, when
 * the power goes.
 */
export class FakeDisk implements BlockDevice {
  readonly path = '/dev/fake';
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  readonly pool = POOL;
  /** What reads see. */
  readonly data: Uint8Array;
  /** What survives a power loss. */
  readonly stable: Uint8Array;
  /** Every write and flush, in order. */
  readonly log: string[] = [];
  /** Called before each operation; throwing makes it fail. */
  fault: (operation: 'read' | 'write' | 'flush', position: number, count: number) => void = () => {};
  /** What the device does when asked to zero a range. */
  zeroing: 'cannot' | 'does' | 'lies' = 'cannot';
  operations = 0;
  #dirty: { position: number; bytes: Uint8Array }[] = [];

  constructor(sizeBytes: number, content: Uint8Array = new Uint8Array(0), sectorBytes = 512) {
    this.sizeBytes = sizeBytes;
    this.sectorBytes = sectorBytes;
    this.data = new Uint8Array(sizeBytes);
    this.data.set(content);
    this.stable = this.data.slice();
  }

  read(target: Uint8Array, position: number): Promise<void> {
    return this.#run('read', position, target.length, () => {
      target.set(this.data.subarray(position, position + target.length));
    });
  }

  write(source: Uint8Array, position: number): Promise<void> {
    return this.#run('write', position, source.length, () => {
      this.log.push(`write ${position}+${source.length}`);
      this.data.set(source, position);
      this.#dirty.push({ position, bytes: source.slice() });
    });
  }

  flush(): Promise<void> {
    return this.#run('flush', 0, 0, () => {
      this.log.push('flush');
      for (const w of this.#dirty) this.stable.set(w.bytes, w.position);
      this.#dirty = [];
    });
  }

  zeroRange(position: number, length: number): Promise<boolean> {
    if (this.zeroing === 'does') this.data.fill(0, position, position + length);
    return Promise.resolve(this.zeroing !== 'cannot');
  }

  /** The disk after a power loss; of the unflushed writes those for which `kept` says so did reach the platter. */
  afterPowerLoss(kept: (index: number) => boolean): FakeDisk {
    const next = new FakeDisk(this.sizeBytes, this.stable, this.sectorBytes);
    this.#dirty.forEach((w, i) => {
      if (!kept(i)) return;
      next.data.set(w.bytes, w.position);
      next.stable.set(w.bytes, w.position);
    });
    return next;
  }

  /** The power goes; of the unflushed writes those for which `kept` says so did reach the platter. */
  losePower(kept: (index: number) => boolean): void {
    this.#dirty.forEach((w, i) => {
      if (kept(i)) this.stable.set(w.bytes, w.position);
    });
    this.#dirty = [];
    this.data.set(this.stable);
  }

  async #run(
    operation: 'read' | 'write' | 'flush',
    position: number,
    length: number,
    action: () => void,
  ): Promise<void> {
    if (position % this.sectorBytes !== 0 || length % this.sectorBytes !== 0)
      throw new Error('EINVAL: not on a sector');
    if (position + length > this.sizeBytes) throw new Error('beyond the end of the disk');
    await Promise.resolve();
    this.fault(operation, position, this.operations++);
    action();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
