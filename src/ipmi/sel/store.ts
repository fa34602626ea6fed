import type { Clock } from '../../core/clock.ts';
import type { SelInfo } from '../commands/sel/info.ts';
import { SEL_RECORD_BYTES, SYSTEM_EVENT, type SelRecord, type SystemEvent } from './record.ts';

export type NewEvent = Pick<SystemEvent, 'sensorType' | 'sensor' | 'eventType' | 'data'> & { deasserted?: boolean };

/** Events come from the BMC itself (slave address 20h, LUN 0). */
const GENERATOR = 0x0020;
const FORMAT = 0x04;
/** Event log (type 10h), sensor-specific offset 2: log cleared. */
const CLEARED: NewEvent = { sensorType: 0x10, sensor: 0xf1, eventType: 0x6f, data: Uint8Array.of(0x02, 0xff, 0xff) };

/** The event log of a virtual BMC: bounded, oldest kept, with a clock that can be set. */
export class SelStore {
  readonly #clock: Clock;
  readonly #capacity: number;
  #records: SelRecord[] = [];
  #nextId = 1;
  #reservation = 0;
  #offset = 0;
  #added = 0xffff_ffff;
  #erased = 0xffff_ffff;
  #overflow = false;

  /** @param capacity records; more are lost, which the log then says */
  constructor(clock: Clock, capacity = 512) {
    this.#clock = clock;
    this.#capacity = capacity;
    this.event(CLEARED);
  }

  get records(): readonly SelRecord[] {
    return this.#records;
  }

  /** The reservation in force; 0: none. */
  get reservation(): number {
    return this.#reservation;
  }

  /** A new reservation; earlier ones end. */
  reserve(): number {
    this.#reservation = (this.#reservation % 0xfffe) + 1;
    return this.#reservation;
  }

  /** Seconds on the clock of the BMC. */
  seconds(): number {
    return (Math.floor(this.#clock.now() / 1000) + this.#offset) >>> 0;
  }

  setSeconds(seconds: number): void {
    this.#offset = seconds - Math.floor(this.#clock.now() / 1000);
  }

  /** Adds an event with the next id and the time of the BMC. */
  event(event: NewEvent): void {
    this.add((id) => ({
      kind: 'event',
      type: SYSTEM_EVENT,
      generator: GENERATOR,
      format: FORMAT,
      deasserted: false,
      ...event,
      id,
      time: this.seconds(),
    }));
  }

  /** @param make the record, given its id */
  add(make: (id: number) => SelRecord): void {
    if (this.#records.length >= this.#capacity) {
      this.#overflow = true;
      return;
    }
    this.#records.push(make(this.#nextId));
    this.#nextId = (this.#nextId % 0xfffe) + 1;
    this.#added = this.seconds();
  }

  /** Erases all and notes that, as BMCs do. The reservation stays good for polling. */
  clear(): void {
    this.#records = [];
    this.#overflow = false;
    this.#erased = this.seconds();
    this.event(CLEARED);
  }

  info(): Omit<SelInfo, 'version' | 'support'> {
    return {
      entries: this.#records.length,
      freeBytes: (this.#capacity - this.#records.length) * SEL_RECORD_BYTES,
      lastAddition: this.#added,
      lastErase: this.#erased,
      overflow: this.#overflow,
    };
  }
}
