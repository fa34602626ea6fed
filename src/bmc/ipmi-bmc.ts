import { deadlineErrors } from '../core/deadline.ts';
import type { Logger } from '../core/log.ts';
import { concatBytes, toHex } from '../wire/hex.ts';
import { IpmiClient, type IpmiDoors, type IpmiTarget, type IpmiTiming } from '../ipmi/client.ts';
import { type DeviceId, getChannelCipherSuites, getDeviceId } from '../ipmi/commands/app.ts';
import {
  BootParameter,
  KEEP_FLAGS_WITHOUT_POWER_ON,
  decodeBootFlags,
  encodeBootFlags,
  getBootOption,
  setBootOption,
} from '../ipmi/commands/boot-options.ts';
import type { Command } from '../ipmi/commands/command.ts';
import type { BootFlags } from '../ipmi/chassis.ts';
import { ipmiErrors } from '../ipmi/errors.ts';
import { SUITE_WITHOUT_PASSWORD, decodeSuiteIds } from '../ipmi/suites.ts';
import type { Bmc, BmcInfo, BootOverride, PowerAction, PowerState } from './bmc.ts';
import { compareBoot, flagsOf, overrideOf } from './boot-compare.ts';
import { bmcErrors } from './errors.ts';
import { asBmcError } from './protocol-errors.ts';
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

/** Sets of the boot override until the BMC reads it back. */
const BOOT_TRIES = 2;

/** A machine behind an IPMI 2.0 BMC. */
export class IpmiBmc implements Bmc {
  readonly address: string;
  readonly #client: IpmiClient;
  readonly #power: IpmiPower;
  readonly #log: Logger;
  readonly sensing: IpmiSensors;
  readonly eventLog: IpmiEventLog;
  readonly frus: IpmiFru;
  readonly management: IpmiManagement;
  readonly console: IpmiConsole;
  readonly #named: NamedQuirks;
  #device: DeviceId | undefined;
  /** The BMC refused boot parameter 3 once: it is not asked again. */
  #dropsBootFlags = false;
  /** Suites that the BMC offers; undefined before it was asked. */
  #offered: readonly number[] | undefined;

  constructor(options: IpmiBmcOptions) {
    const { address, doors } = options;
    this.address = address;
    this.#named = options.quirks ?? NO_NAMED;
    this.#log = doors.log.child({ bmc: address });
    this.#client = new IpmiClient(options.target, doors, options.timing);
    const run = <T>(command: Command<T>, signal: AbortSignal) => this.#client.run(command, signal);
    this.#power = new IpmiPower({ clock: doors.clock, address, run }, options.powerTiming);
    const guard = <T>(action: () => Promise<T>) => this.#guard(action);
    const part = { clock: doors.clock, log: this.#log, run, guard };
    this.sensing = new IpmiSensors(part);
    this.eventLog = new IpmiEventLog(address, part, this.sensing);
    this.frus = new IpmiFru(part, this.sensing);
    this.management = new IpmiManagement(address, part);
    this.console = new IpmiConsole(address, part, this.#client, options.target.port);
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
    return await this.#guard(async () => overrideOf(await this.#readFlags(signal)));
  }

  async setBootOverride(override: BootOverride, signal: AbortSignal): Promise<void> {
    await this.#guard(() => this.#setBoot(override, signal));
    this.#log.info('boot override', { ...override });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #setBoot(override: BootOverride, signal: AbortSignal): Promise<void> {
    const quirks = await this.#quirks(signal);
    const uefi = override.firmware === 'uefi';
    const selector = uefi ? quirks.efiSelectors[override.device] : undefined;
    const flagByte = uefi ? quirks.efiFlagBytes[override.device] : undefined;
    const data = encodeBootFlags(flagsOf(override), selector, flagByte);
    // What the bytes say, which with a flag byte of the vendor's own may be more than was asked for.
    const flags = flagByte === undefined ? flagsOf(override) : decodeBootFlags(data);
    for (let attempt = 1; ; attempt++) {
      if (quirks.keepsBootFlags && !this.#dropsBootFlags) await this.#keepFlags(signal);
      await this.#client.run(setBootOption(BootParameter.flags, data), signal);
      const verdict = await this.#compare(flags, quirks, signal);
      if (verdict.kind === 'same') return;
      if (verdict.kind === 'tolerated') {
        this.#log.warn('boot override accepted as read back', { why: verdict.why, quirks: quirks.name });
        return;
      }
      if (attempt >= BOOT_TRIES) {
        throw bmcErrors.make('BMC_BOOT_NOT_ACCEPTED', `BMC ${this.address}: boot override: ${verdict.why}`);
      }
    }
  }

  async #compare(wanted: BootFlags, quirks: IpmiQuirks, signal: AbortSignal) {
    const read = await this.#readFlags(signal);
    const poweredOn = quirks.overrideAppliesAtPowerOn && (await this.#power.state(signal)) === 'on';
    return compareBoot(wanted, read, quirks, poweredOn);
  }

  /** Asks the BMC not to forget the flags when the power comes on later than 60 s; many do not know how. */
  async #keepFlags(signal: AbortSignal): Promise<void> {
    const data = Uint8Array.of(KEEP_FLAGS_WITHOUT_POWER_ON);
    try {
      await this.#client.run(setBootOption(BootParameter.flagValidClearing, data), signal);
    } catch (error) {
      if (!ipmiErrors.is(error, 'IPMI_COMPLETION')) throw error;
      this.#dropsBootFlags = true;
      this.#log.debug('boot flag timeout cannot be switched off', { why: error.message });
    }
  }

  async #readFlags(signal: AbortSignal): Promise<BootFlags> {
    const option = await this.#client.run(getBootOption(BootParameter.flags), signal);
    return decodeBootFlags(option.data);
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
