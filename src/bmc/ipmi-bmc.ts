import { deadlineErrors } from '../core/deadline.ts';
import type { Logger } from '../core/log.ts';
import { toHex } from '../wire/hex.ts';
import { IpmiClient, type IpmiDoors, type IpmiTarget, type IpmiTiming } from '../ipmi/client.ts';
import { type DeviceId, getDeviceId } from '../ipmi/commands/app.ts';
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
import { type IpmiQuirks, manufacturerName, quirksOf } from './quirks.ts';
import type { PowerTiming } from './reach-power.ts';

export interface IpmiBmcOptions {
  /** For messages, without credentials. */
  address: string;
  target: IpmiTarget;
  doors: IpmiDoors;
  timing?: Partial<IpmiTiming>;
  powerTiming?: PowerTiming;
}

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
  #device: DeviceId | undefined;

  constructor(options: IpmiBmcOptions) {
    const { address, doors } = options;
    this.address = address;
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
      const { suite, guid } = this.#client;
      return {
        manufacturer: manufacturerName(device),
        product: `0x${device.productId.toString(16).padStart(4, '0')}`,
        firmwareVersion: device.firmwareVersion,
        protocol: suite === undefined ? 'IPMI 2.0' : `IPMI 2.0, cipher suite ${suite}`,
        ...(guid === undefined ? {} : { guid: toHex(guid) }),
        ...(suite === undefined ? {} : { cipherSuite: suite }),
      };
    });
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
    const flags = flagsOf(override);
    const selector = override.firmware === 'uefi' ? quirks.efiSelectors[override.device] : undefined;
    for (let attempt = 1; ; attempt++) {
      await this.#keepFlags(signal);
      await this.#client.run(setBootOption(BootParameter.flags, encodeBootFlags(flags, selector)), signal);
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
      this.#log.debug('boot flag timeout cannot be switched off', { why: error.message });
    }
  }

  async #readFlags(signal: AbortSignal): Promise<BootFlags> {
    const option = await this.#client.run(getBootOption(BootParameter.flags), signal);
    return decodeBootFlags(option.data);
  }

  async #quirks(signal: AbortSignal): Promise<IpmiQuirks> {
    return quirksOf(this.#device ?? (await this.#readDevice(signal)));
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
