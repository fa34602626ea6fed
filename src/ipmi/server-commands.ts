import { IngotError, errorCode, errorText } from '../core/errors.ts';
import { AppCmd } from './commands/app/numbers.ts';
import { ChassisCmd } from './commands/chassis/numbers.ts';
import { PayloadCmd } from './commands/payload/numbers.ts';
import { ipmiErrors } from './errors.ts';
import type { LanMessage } from './lan-message.ts';
import { Completion } from './numbers.ts';
import { appFamily } from './server-commands/app.ts';
import { bridgeFamily } from './server-commands/bridge.ts';
import { bootFamily } from './server-commands/boot.ts';
import { BootFlagKeeper } from './server-commands/boot-flags.ts';
import { chassisFamily } from './server-commands/chassis.ts';
import {
  type Answer,
  type CommandParts,
  type Family,
  type Handler,
  type Sender,
  refuse,
} from './server-commands/handler.ts';
import { lanFamily } from './server-commands/lan.ts';
import { dcmiFamily, sensorFamily } from './server-commands/sensors.ts';
import { fruFamily, sdrFamily, selFamily } from './server-commands/storage.ts';

const FAMILIES: readonly Family[] = [
  appFamily,
  chassisFamily,
  bootFamily,
  selFamily,
  sdrFamily,
  fruFamily,
  sensorFamily,
  dcmiFamily,
  lanFamily,
  bridgeFamily,
];

/** All that a BMC with the quirk `bareSession` answers. */
const BARE: ReadonlySet<number> = new Set([AppCmd.closeSession, ...Object.values(PayloadCmd)]);

const key = (netFn: number, cmd: number): number => netFn * 256 + cmd;

/** The commands of the virtual BMC as a table: network function and command → who may run it and what it does. */
export class ServerCommands {
  readonly #parts: CommandParts;
  readonly #table: ReadonlyMap<number, Handler>;

  /** @param more families beyond the usual ones, e.g. that of a serial port */
  constructor(outer: Omit<CommandParts, 'boot'>, more: readonly Family[] = []) {
    const parts = { ...outer, boot: new BootFlagKeeper(outer) };
    this.#parts = parts;
    const handlers = [...FAMILIES, ...more].flatMap((family) => family(parts));
    this.#table = new Map(handlers.map((h) => [key(h.netFn, h.cmd), h]));
  }

  /** Network function and command of everything that is answered. */
  get known(): readonly { netFn: number; cmd: number }[] {
    return [...this.#table.values()];
  }

  /** Runs a request. Never throws: failures become completion codes. */
  async run(request: LanMessage, sender: Sender): Promise<Answer> {
    const handler = this.#table.get(key(request.netFn, request.cmd));
    const bare = this.#parts.faults.quirks?.bareSession === true && !BARE.has(request.cmd);
    if (handler === undefined || bare) return refuse(Completion.invalidCommand);
    if (handler.privilege !== undefined && (sender === undefined || sender.privilege < handler.privilege)) {
      return refuse(Completion.insufficientPrivilege);
    }
    try {
      return await handler.run(request.data, sender);
    } catch (error) {
      // The machine says that the request does not fit it: a power command its state, a boot device its kind.
      const wrongly = request.cmd === ChassisCmd.control ? Completion.notInThisState : Completion.invalidField;
      return refuse(this.#completionOf(error, wrongly));
    }
  }

  #completionOf(error: unknown, whenAskedWrongly: number): number {
    if (errorCode(error) === 'WIRE_SHORT') return Completion.lengthInvalid;
    if (error instanceof IngotError && error.blame === 'user') return whenAskedWrongly;
    if (ipmiErrors.is(error, 'IPMI_NOT_IN_THIS_STATE')) return Completion.notInThisState;
    this.#parts.log.warn('the machine behind the BMC failed', { why: errorText(error) });
    return Completion.unspecified;
  }
}
