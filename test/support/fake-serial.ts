import type { SerialPort } from '../../src/ipmi/sol/serial.ts';

/** A serial port with a test at its other end. */
export class FakeSerial implements SerialPort {
  /** Everything typed. */
  typed = '';
  breaks = 0;
  /** Characters that can be typed at once; undefined: any number. */
  capacity: number | undefined;
  readonly #listeners = new Set<(bytes: Uint8Array) => void>();

  get listeners(): number {
    return this.#listeners.size;
  }

  print(text: string): void {
    for (const listener of this.#listeners) listener(Buffer.from(text));
  }

  listen(onData: (bytes: Uint8Array) => void): () => void {
    this.#listeners.add(onData);
    return () => this.#listeners.delete(onData);
  }

  write(bytes: Uint8Array): void {
    this.typed += Buffer.from(bytes).toString('latin1');
  }

  room(): number {
    return this.capacity ?? Number.POSITIVE_INFINITY;
  }

  sendBreak(): void {
    this.breaks++;
  }
}
