import { wireErrors } from './errors.ts';

/**
 * A checked cursor over bytes from a hostile network. Every read compares the length wanted with what is left before it
 * touches anything: JavaScript itself would hand back `undefined` or a shorter slice, never an error.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** @throws WIRE_SHORT with the offset, what was wanted and what is there */
  #take(count: number, what: string): number {
    if (!Number.isInteger(count) || count < 0 || count > this.remaining) {
      throw wireErrors.make(
        'WIRE_SHORT',
        `${what} at offset ${this.#offset} needs ${count} bytes, ${this.remaining} are left`,
        {
          seen: { offset: this.#offset, wanted: count, got: this.remaining },
        },
      );
    }
    const at = this.#offset;
    this.#offset += count;
    return at;
  }

  u8(what = 'byte'): number {
    return this.#view.getUint8(this.#take(1, what));
  }

  u16be(what = 'u16'): number {
    return this.#view.getUint16(this.#take(2, what));
  }

  u16le(what = 'u16'): number {
    return this.#view.getUint16(this.#take(2, what), true);
  }

  u24le(what = 'u24'): number {
    const at = this.#take(3, what);
    return this.#view.getUint16(at, true) | (this.#view.getUint8(at + 2) << 16);
  }

  u32be(what = 'u32'): number {
    return this.#view.getUint32(this.#take(4, what));
  }

  u32le(what = 'u32'): number {
    return this.#view.getUint32(this.#take(4, what), true);
  }

  u64be(what = 'u64'): bigint {
    return this.#view.getBigUint64(this.#take(8, what));
  }

  u64le(what = 'u64'): bigint {
    return this.#view.getBigUint64(this.#take(8, what), true);
  }

  /** A copy of the next `count` bytes, so that nobody keeps a whole datagram alive by a slice of it. */
  bytes(count: number, what = 'bytes'): Uint8Array {
    const at = this.#take(count, what);
    return this.#bytes.slice(at, at + count);
  }

  /** A copy of everything left. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  skip(count: number, what = 'bytes'): void {
    this.#take(count, what);
  }

  /** A reader over the next `count` bytes alone: a record cannot read past its own length. */
  sub(count: number, what = 'record'): ByteReader {
    const at = this.#take(count, what);
    return new ByteReader(this.#bytes.subarray(at, at + count));
  }
}
