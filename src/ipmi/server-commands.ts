import { IngotError, errorCode, errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Chassis } from './chassis.ts';
import { AppCmd, type DeviceIdentity, encodeAuthCapabilities, encodeDeviceId } from './commands/app.ts';
import { BootParameter, decodeBootFlags, encodeBootFlags, encodeBootOption } from './commands/boot-options.ts';
import { ChassisCmd, decodeChassisControl, encodeChassisStatus } from './commands/chassis.ts';
import { ipmiErrors } from './errors.ts';
import type { LanMessage } from './lan-message.ts';
import { Completion, NetFn, Privilege, THIS_CHANNEL } from './numbers.ts';
import type { ServerFaults } from './server-faults.ts';
import type { ActiveState } from './server-session.ts';
import { type CipherSuite, encodeSuiteRecords } from './suites.ts';

/** LAN channel number that the virtual BMC claims to have. */
const CHANNEL = 1;
const SUITE_BLOCK = 16;

export interface Answer {
  completion: number;
  data?: Uint8Array;
  /** Set by Close Session: the session ends once the answer is sent. */
  closes?: number;
}

export interface CommandParts {
  chassis: Chassis;
  deviceId: DeviceIdentity;
  guid: Uint8Array;
  suites: readonly CipherSuite[];
  faults: ServerFaults;
  log: Logger;
  /** Logins need the key of the BMC as well. */
  kgSet: boolean;
}

/** Who sent a request: a session, or nobody yet. */
export type Sender = ActiveState | undefined;

interface Entry {
  /** Lowest level that may run it; undefined: also without a session (§G, table G-1). */
  privilege: number | undefined;
  run(data: Uint8Array, sender: Sender): Answer | Promise<Answer>;
}

const refuse = (completion: number): Answer => ({ completion });
const give = (data: Uint8Array): Answer => ({ completion: Completion.ok, data });
const DONE: Answer = { completion: Completion.ok };

const key = (netFn: number, cmd: number): number => netFn * 256 + cmd;

/** The commands of the virtual BMC as a table: network function and command → who may run it and what it does. */
export class ServerCommands {
  readonly #parts: CommandParts;
  readonly #table: ReadonlyMap<number, Entry>;
  /** Boot parameters that are kept as they were written: set in progress, valid-bit clearing, acknowledge. */
  readonly #bootParameters = new Map<number, Uint8Array>([
    [BootParameter.setInProgress, Uint8Array.of(0)],
    [BootParameter.flagValidClearing, Uint8Array.of(0)],
    [BootParameter.infoAcknowledge, Uint8Array.of(0, 0)],
  ]);

  constructor(parts: CommandParts) {
    this.#parts = parts;
    this.#table = new Map<number, Entry>([
      [
        key(NetFn.app, AppCmd.getDeviceId),
        { privilege: Privilege.user, run: () => give(encodeDeviceId(parts.deviceId)) },
      ],
      [key(NetFn.app, AppCmd.getSystemGuid), { privilege: undefined, run: () => give(parts.guid) }],
      [
        key(NetFn.app, AppCmd.getChannelAuthCapabilities),
        { privilege: undefined, run: (d) => authCapabilities(d, parts.kgSet) },
      ],
      [key(NetFn.app, AppCmd.getChannelCipherSuites), { privilege: undefined, run: (d) => this.#cipherSuites(d) }],
      [key(NetFn.app, AppCmd.setSessionPrivilege), { privilege: Privilege.callback, run: setPrivilege }],
      [key(NetFn.app, AppCmd.closeSession), { privilege: Privilege.callback, run: closeOwnSession }],
      [key(NetFn.chassis, ChassisCmd.getStatus), { privilege: Privilege.user, run: () => this.#status() }],
      [key(NetFn.chassis, ChassisCmd.control), { privilege: Privilege.operator, run: (d) => this.#control(d) }],
      [key(NetFn.chassis, ChassisCmd.identify), { privilege: Privilege.operator, run: () => DONE }],
      [key(NetFn.chassis, ChassisCmd.setBootOptions), { privilege: Privilege.operator, run: (d) => this.#setBoot(d) }],
      [key(NetFn.chassis, ChassisCmd.getBootOptions), { privilege: Privilege.operator, run: (d) => this.#getBoot(d) }],
    ]);
  }

  /** Runs a request. Never throws: failures become completion codes. */
  async run(request: LanMessage, sender: Sender): Promise<Answer> {
    const entry = this.#table.get(key(request.netFn, request.cmd));
    if (entry === undefined) return refuse(Completion.invalidCommand);
    if (entry.privilege !== undefined && (sender === undefined || sender.privilege < entry.privilege)) {
      return refuse(Completion.insufficientPrivilege);
    }
    try {
      return await entry.run(request.data, sender);
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

  #cipherSuites(data: Uint8Array): Answer {
    const [channel = THIS_CHANNEL, , index = 0] = data;
    const records = encodeSuiteRecords(this.#parts.suites);
    const at = (index & 0x3f) * SUITE_BLOCK;
    return give(Uint8Array.of(ownChannel(channel), ...records.subarray(at, at + SUITE_BLOCK)));
  }

  async #status(): Promise<Answer> {
    const powerOn = (await this.#parts.chassis.powerState()) === 'on';
    return give(encodeChassisStatus({ powerOn, powerFault: false }));
  }

  async #control(data: Uint8Array): Promise<Answer> {
    if (data.length === 0) return refuse(Completion.lengthInvalid);
    const action = decodeChassisControl(data);
    if (action === undefined) return refuse(Completion.invalidField);
    await this.#parts.chassis.control(action);
    return DONE;
  }

  async #setBoot(data: Uint8Array): Promise<Answer> {
    const [first] = data;
    if (first === undefined) return refuse(Completion.lengthInvalid);
    const parameter = first & 0x7f;
    const value = data.subarray(1);
    if (parameter === BootParameter.flagValidClearing && this.#parts.faults.noBootParameter3 === true) {
      return refuse(Completion.parameterNotSupported);
    }
    if (parameter === BootParameter.flags) {
      await this.#parts.chassis.setBootFlags(decodeBootFlags(value));
      return DONE;
    }
    const kept = this.#bootParameters.get(parameter);
    if (kept === undefined) return refuse(Completion.parameterNotSupported);
    // A request with the parameter alone changes only its lock bit (§28.12), which we do not have.
    if (value.length === 0) return DONE;
    if (value.length < kept.length) return refuse(Completion.lengthInvalid);
    this.#bootParameters.set(parameter, value.slice(0, kept.length));
    return DONE;
  }

  async #getBoot(data: Uint8Array): Promise<Answer> {
    const [first] = data;
    if (first === undefined) return refuse(Completion.lengthInvalid);
    const parameter = first & 0x7f;
    if (parameter === BootParameter.flags) {
      const flags = encodeBootFlags(await this.#parts.chassis.bootFlags());
      return give(encodeBootOption({ parameter, invalid: false, data: flags }));
    }
    const kept = this.#bootParameters.get(parameter);
    if (kept === undefined) return refuse(Completion.parameterNotSupported);
    return give(encodeBootOption({ parameter, invalid: false, data: kept }));
  }
}

function ownChannel(asked: number): number {
  return (asked & 0x0f) === THIS_CHANNEL ? CHANNEL : asked & 0x0f;
}

function authCapabilities(data: Uint8Array, kgSet: boolean): Answer {
  const [channel, privilege] = data;
  if (channel === undefined || privilege === undefined) return refuse(Completion.lengthInvalid);
  if (ownChannel(channel) !== CHANNEL) return refuse(Completion.invalidField);
  return give(encodeAuthCapabilities(CHANNEL, (channel & 0x80) !== 0, kgSet));
}

/** §22.18: 0 asks for the present level; 80h: not available to this user, 81h: above the limit of the session. */
function setPrivilege(data: Uint8Array, sender: Sender): Answer {
  if (data.length === 0) return refuse(Completion.lengthInvalid);
  const level = (data[0] ?? 0) & 0x0f;
  if (sender === undefined || level > Privilege.administrator || level === Privilege.callback) {
    return refuse(Completion.invalidField);
  }
  if (level > Privilege[sender.user.privilege]) return refuse(0x80);
  if (level > sender.limit) return refuse(0x81);
  if (level !== 0) sender.privilege = level;
  return give(Uint8Array.of(sender.privilege));
}

/** §22.19. Only the session itself may be ended: 87h for any other id. */
function closeOwnSession(data: Uint8Array, sender: Sender): Answer {
  if (data.length < 4) return refuse(Completion.lengthInvalid);
  const id = new DataView(data.buffer, data.byteOffset, 4).getUint32(0, true);
  if (sender === undefined || id !== sender.bmcSessionId) return refuse(0x87);
  return { completion: Completion.ok, closes: id };
}
