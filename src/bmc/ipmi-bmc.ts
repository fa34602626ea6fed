import { deadlineErrors } from '../core/deadline.ts';
import type { Logger } from '../core/log.ts';
import { concatBytes, toHex } from '../wire/hex.ts';
import { IpmiClient, type IpmiDoors, type IpmiTarget, type IpmiTiming } from '../ipmi/client.ts';
import { type DeviceId, getDeviceId } from '../ipmi/commands/app/device-id.ts';
import { getChannelCipherSuites } from '../ipmi/commands/session/cipher-suites.ts';
import type { Command } from '../ipmi/commands/command.ts';
import { BMC_ADDRESS } from '../ipmi/numbers.ts';
import { SUITE_WITHOUT_PASSWORD, decodeSuiteIds } from '../ipmi/suites.ts';
import type { Bmc, BmcInfo, BootOverride, PowerAction, PowerState } from './bmc.ts';
import { asBmcError } from './protocol-errors.ts';
import { IpmiBoot } from './ipmi-boot.ts';
import { IpmiConsole } from './ipmi-console.ts';
import { IpmiEventLog } from './ipmi-event-log.ts';
import { IpmiFru } from './ipmi-fru.ts';
import { IpmiManagement } from './ipmi-management.ts';
import { IpmiPower } from './ipmi-power.ts';
import { IpmiSensors } from './ipmi-sensors.ts';
import { type IpmiQuirks, NO_NAMED, type NamedQuirks, manufacturerName, quirksOf } from './quirks.ts';
import type { PowerTiming } from './reach-power.ts';

export interface IpmiBmcOptions {
  /** For messages, without credentials. */
  address: string;
  target: IpmiTarget;
  doors: IpmiDoors;
  /** Those that were asked for by name. */
  quirks?: NamedQuirks;
  timing?: Partial<IpmiTiming>;
  powerTiming?: PowerTiming;
}

const SUITE_PART = 16;
const MAX_SUITE_PARTS = 8;
/** Longest wait for the list of suites, ms. */
const SUITES_MS = 1000;

/** A machine behind an IPMI 2.0 BMC. */
export class IpmiBmc implements Bmc {
  readonly address: string;
  readonly #client: IpmiClient;
  readonly #power: IpmiPower;
  readonly #boot: IpmiBoot;
  readonly #log: Logger;
  readonly sensing: IpmiSensors;
  readonly eventLog: IpmiEventLog;
  readonly frus: IpmiFru;
  readonly management: IpmiManagement;
  readonly console: IpmiConsole;
  readonly #named: NamedQuirks;
  #device: DeviceId | undefined;
  /** Suites that the BMC offers; undefined before it was asked. */
  #offered: readonly number[] | undefined;

  constructor(options: IpmiBmcOptions) {
    const { address, doors } = options;
    this.address = address;
    this.#named = options.quirks ?? NO_NAMED;
    this.#log = doors.log.child({ bmc: address });
    this.#client = new IpmiClient(options.target, doors, options.timing);
    const run = <T>(command: Command<T>, signal: AbortSignal) => this.#client.run(command, signal);
    this.#boot = new IpmiBoot({
      clock: doors.clock,
      log: this.#log,
      address,
      run,
      quirks: (signal) => this.#quirks(signal),
      powerState: (signal) => this.#power.state(signal),
    });
    this.#power = new IpmiPower({ clock: doors.clock, address, run, boot: this.#boot }, options.powerTiming);
    const guard = <T>(action: () => Promise<T>) => this.#guard(action);
    const { route } = options.target;
    const own = route?.at(-1)?.address ?? BMC_ADDRESS;
    const part = { clock: doors.clock, log: this.#log, run, own, guard };
    this.sensing = new IpmiSensors(part);
    this.eventLog = new IpmiEventLog(address, part, this.sensing);
    this.frus = new IpmiFru(part, this.sensing);
    this.management = new IpmiManagement(address, part);
    this.console = new IpmiConsole(address, part, this.#client, options.target);
  }

  async verify(signal: AbortSignal): Promise<BmcInfo> {
    return await this.#guard(async () => {
      const device = await this.#readDevice(signal);
      const { suite, guid, protocol = 'IPMI 2.0' } = this.#client;
      const warnings = await this.#warnings(signal);
      return {
        manufacturer: manufacturerName(device),
        product: `0x${device.productId.toString(16).padStart(4, '0')}`,
        firmwareVersion: device.firmwareVersion,
        protocol,
        ...(guid === undefined ? {} : { guid: toHex(guid) }),
        ...(suite === undefined ? {} : { cipherSuite: suite }),
        ...(warnings.length === 0 ? {} : { warnings }),
      };
    });
  }

  /**
   * What is dangerous about this BMC. The list of suites is asked for once, and a BMC that does not answer is left alone:
   * many do not know the command.
   */
  async #warnings(signal: AbortSignal): Promise<string[]> {
    if (this.#client.suite !== undefined) this.#offered ??= await this.#readSuites(signal);
    if (this.#offered?.includes(SUITE_WITHOUT_PASSWORD) !== true) return [];
    const text =
      'the BMC offers cipher suite 0: who knows a user name needs no password; switch it off in its settings';
    this.#log.warn(text);
    return [text];
  }

  async #readSuites(signal: AbortSignal): Promise<readonly number[]> {
    const parts: Uint8Array[] = [];
    for (let index = 0; index < MAX_SUITE_PARTS; index++) {
      const part = await this.#client.tryRun(getChannelCipherSuites(index), SUITES_MS, signal);
      if (part === undefined) break;
      parts.push(part);
      if (part.length < SUITE_PART) break;
    }
    return decodeSuiteIds(concatBytes(...parts));
  }

  async powerState(signal: AbortSignal): Promise<PowerState> {
    return await this.#guard(() => this.#power.state(signal));
  }

  async setPower(action: PowerAction, signal: AbortSignal): Promise<void> {
    await this.#guard(() => this.#power.set(action, signal));
    this.#log.info('power', { action });
  }

  async bootOverride(signal: AbortSignal): Promise<BootOverride> {
    return await this.#guard(() => this.#boot.get(signal));
  }

  async setBootOverride(override: BootOverride, signal: AbortSignal): Promise<void> {
    await this.#guard(() => this.#boot.set(override, signal));
    this.#log.info('boot override', { ...override });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #quirks(signal: AbortSignal): Promise<IpmiQuirks> {
    return quirksOf(this.#device ?? (await this.#readDevice(signal)), this.#named);
  }

  async #readDevice(signal: AbortSignal): Promise<DeviceId> {
    this.#device = await this.#client.run(getDeviceId(), signal);
    return this.#device;
  }

  async #guard<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (deadlineErrors.is(error)) throw error;
      throw asBmcError(error, this.address);
    }
  }
}
