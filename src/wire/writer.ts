import { wireErrors } from './errors.ts';

const MAX_BYTES = 1 << 26;

/** Grows as it is written to; refuses values that do not fit their field instead of cutting them. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(initialBytes = 256) {
    this.#bytes = new Uint8Array(initialBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Makes room first, then hands out the offset: callers must read `#view` after this, because growing replaces it. */
  #room(count: number): number {
    const at = this.#length;
    const need = at + count;
    if (need > MAX_BYTES)
      throw wireErrors.make('WIRE_RANGE', `message would be ${need} bytes, the limit is ${MAX_BYTES}`);
    if (need > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(need, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = need;
    return at;
  }

  u8(value: number): this {
    check(value, 0xff);
    const at = this.#room(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16be(value: number): this {
    check(value, 0xffff);
    const at = this.#room(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u16le(value: number): this {
    check(value, 0xffff);
    const at = this.#room(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u24le(value: number): this {
    check(value, 0xffffff);
    const at = this.#room(3);
    this.#view.setUint16(at, value & 0xffff, true);
    this.#view.setUint8(at + 2, value >>> 16);
    return this;
  }

  u32be(value: number): this {
    check(value, 0xffffffff);
    const at = this.#room(4);
    this.#view.setUint32(at, value);
    return this;
  }

  u32le(value: number): this {
    check(value, 0xffffffff);
    const at = this.#room(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64be(value: bigint): this {
    check64(value);
    const at = this.#room(8);
    this.#view.setBigUint64(at, value);
    return this;
  }

  u64le(value: bigint): this {
    check64(value);
    const at = this.#room(8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** `count` bytes of `value` (default 0). */
  fill(count: number, value = 0): this {
    const at = this.#room(count);
    this.#bytes.fill(value, at, at + count);
    return this;
  }

  /** Overwrites one byte already written. */
  patchU8(at: number, value: number): this {
    check(value, 0xff);
    if (at >= this.#length) throw wireErrors.make('WIRE_RANGE', `patch at ${at} is past the end ${this.#length}`);
    this.#view.setUint8(at, value);
    return this;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

function check(value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw wireErrors.make('WIRE_RANGE', `value ${value} does not fit a field of 0..${max}`);
  }
}

function check64(value: bigint): void {
  if (value < 0n || value > 0xffffffffffffffffn)
    throw wireErrors.make('WIRE_RANGE', `value ${value} does not fit 64 bits`);
}
