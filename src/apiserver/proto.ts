/** Writes protocol buffer messages: the four wire types that OpenAPI documents need. */
export class ProtoWriter {
  readonly #parts: Uint8Array[] = [];

  text(field: number, value: string): this {
    return this.#delimited(field, Buffer.from(value, 'utf8'));
  }

  message(field: number, value: ProtoWriter): this {
    return this.#delimited(field, value.bytes());
  }

  boolean(field: number, value: boolean): this {
    return this.#push(varint(field << 3), varint(value ? 1 : 0));
  }

  /** A whole number, not negative. */
  integer(field: number, value: number): this {
    return this.#push(varint(field << 3), varint(value));
  }

  double(field: number, value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    return this.#push(varint((field << 3) | 1), bytes);
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  #delimited(field: number, bytes: Uint8Array): this {
    return this.#push(varint((field << 3) | 2), varint(bytes.length), bytes);
  }

  #push(...parts: Uint8Array[]): this {
    this.#parts.push(...parts);
    return this;
  }
}

/** Seven bits a byte, lowest first; the top bit says that more follow. */
function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    out.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  out.push(rest);
  return Uint8Array.from(out);
}
