import { routeText } from '../ipmi/bridge.ts';
import type { IpmiTarget } from '../ipmi/client.ts';
import { type SolClient, SolConsole } from '../ipmi/sol/console.ts';
import { bmcErrors } from './errors.ts';
import type { ConsoleControl, ConsoleStream, WhenHeld } from './capabilities.ts';
import type { IpmiPartDoors } from './ipmi-doors.ts';

/** Characters that may wait for the reader: above the first, the machine is asked to stop; below the second, to go on. */
const HOLD_ABOVE = 256 << 10;
const GO_ON_BELOW = 64 << 10;
/** A BMC that does not stop has to keep the rest. */
const MAX_WAITING = 1 << 20;

/** Serial over LAN. */
export class IpmiConsole implements ConsoleControl {
  readonly #address: string;
  readonly #doors: IpmiPartDoors;
  readonly #client: SolClient;
  readonly #target: Pick<IpmiTarget, 'port' | 'route' | 'quirks'>;
  #taken = false;

  constructor(
    address: string,
    doors: IpmiPartDoors,
    client: SolClient,
    target: Pick<IpmiTarget, 'port' | 'route' | 'quirks'>,
  ) {
    this.#address = address;
    this.#doors = doors;
    this.#client = client;
    this.#target = target;
  }

  async open(
    signal: AbortSignal,
    notice: (text: string) => void = () => {},
    whenHeld: WhenHeld = 'take',
  ): Promise<ConsoleStream> {
    const { port, route, quirks } = this.#target;
    if (route !== undefined) {
      const text = `serial over LAN is of the BMC that is logged in to, not of ${routeText(route)} behind it`;
      throw bmcErrors.make('BMC_UNSUPPORTED', `BMC ${this.#address}: ${text}`);
    }
    if (this.#taken) {
      throw bmcErrors.make('BMC_CONSOLE_REFUSED', `BMC ${this.#address}: its console is in use by this Ingot already`, {
        hint: 'one console a machine: end the other one, or look at the recorded console with `ingot logs --console`',
      });
    }
    this.#taken = true;
    const closed = new AbortController();
    const output = new OutputQueue();
    const { clock, log } = this.#doors;
    const sol = new SolConsole({
      client: this.#client,
      clock,
      log,
      port,
      ...(quirks === undefined ? {} : { quirks }),
      output: (bytes) => output.push(bytes, (on) => sol.hold(on)),
      room: () => output.room,
      notice,
      take: whenHeld === 'take',
      signal: AbortSignal.any([signal, closed.signal]),
    });
    try {
      await this.#doors.guard(() => sol.open());
    } catch (error) {
      this.#taken = false;
      throw error;
    }
    const kept = this.#doors
      .guard(() => sol.keep())
      .then(
        () => output.end(),
        (error: unknown) => output.end(error),
      )
      .finally(() => (this.#taken = false));
    return {
      output: output.read((on) => sol.hold(on)),
      write: (bytes) => sol.write(bytes),
      sendBreak: () => sol.sendBreak(),
      async [Symbol.asyncDispose]() {
        closed.abort();
        await kept;
      },
    };
  }
}

/** What the machine printed and nobody has read yet. Bounded by asking the machine to wait. */
class OutputQueue {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #held = false;
  #over = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  get room(): number {
    return MAX_WAITING - this.#bytes;
  }

  push(bytes: Uint8Array, hold: (on: boolean) => void): void {
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
    if (!this.#held && this.#bytes > HOLD_ABOVE) {
      this.#held = true;
      hold(true);
    }
    this.#wake?.();
  }

  end(error?: unknown): void {
    this.#over = true;
    this.#error = error;
    this.#wake?.();
  }

  async *read(hold: (on: boolean) => void): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#bytes -= chunk.length;
        if (this.#held && this.#bytes < GO_ON_BELOW) {
          this.#held = false;
          hold(false);
        }
        yield chunk;
      } else if (this.#over) {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
    }
  }
}
