import { deadlineErrors } from '../core/deadline.ts';
import type { Logger } from '../core/log.ts';
import { SystemBoot } from '../redfish/boot.ts';
import { clockWarning, timeOf } from '../redfish/bmc-clock.ts';
import type { Resource } from '../redfish/calls.ts';
import type { RedfishDoors, RedfishTarget, RedfishTiming } from '../redfish/client.ts';
import { redfishErrors } from '../redfish/errors.ts';
import { firmwareWarning } from '../redfish/firmware-floor.ts';
import { textAt } from '../redfish/json.ts';
import { type Personality, personalityOf } from '../redfish/quirks.ts';
import { managerOf } from '../redfish/service-doors.ts';
import type { RedfishClients, RedfishConnection } from '../redfish/shared-clients.ts';
import { findSystem } from '../redfish/systems.ts';
import type { Bmc, BmcInfo, BootOverride, PowerAction, PowerState } from './bmc.ts';
import { type BmcCode, asBmcError } from './protocol-errors.ts';
import type { PowerTiming } from './reach-power.ts';
import { redfishCapabilities } from './redfish-capabilities.ts';
import { RedfishPower } from './redfish-power.ts';

export interface RedfishBmcOptions {
  /** Of the machine, as written, without credentials. */
  address: string;
  /** Where the service is and who we are to it. */
  target: RedfishTarget;
  /** Where the service may be open already, for another machine behind it. */
  clients: RedfishClients;
  /** Of the address: the System, or empty for the only one. */
  path: string;
  /** The scheme of the address says UEFI HTTP boot. */
  httpBoot: boolean;
  /** Names to add, or with `-` before them to leave out. */
  quirks: readonly string[];
  doors: RedfishDoors;
  timing?: Partial<RedfishTiming>;
  powerTiming?: PowerTiming;
}

const ROOT = '/redfish/v1/';

/** A machine behind a Redfish service, with all that it can do. */
export function redfishBmc(options: RedfishBmcOptions): Bmc {
  const core = new RedfishBmc(options);
  return Object.assign(
    core,
    redfishCapabilities(core.services, (action, code) => core.guard(action, code)),
  );
}

/** Power and boot of a machine behind a Redfish service. */
class RedfishBmc implements Bmc {
  readonly address: string;
  /** What its further services work with. */
  readonly services;
  readonly #client: RedfishConnection;
  readonly #path: string;
  readonly #changes: readonly string[];
  readonly #log: Logger;
  readonly #power: RedfishPower;
  readonly #boot: SystemBoot;
  /** Path of the System, once found: a name in the address may stand for it. */
  #found: string | undefined;
  #personality: Personality | undefined;

  constructor(options: RedfishBmcOptions) {
    const { address, target, clients, path, httpBoot, quirks, doors, timing, powerTiming } = options;
    const log = doors.log.child({ bmc: address });
    this.address = address;
    this.#path = path;
    this.#changes = quirks;
    this.#log = log;
    this.#client = clients.open(target, { ...doors, log: doors.log.child({ bmc: target.address }) }, timing);
    this.services = {
      calls: this.#client,
      system: (signal: AbortSignal) => this.#system(signal),
      personality: (signal: AbortSignal) => this.#known(signal),
      clock: doors.clock,
      log,
    };
    const boot = new SystemBoot({ ...this.services, httpBoot });
    this.#boot = boot;
    const beforeStart = (system: Resource, signal: AbortSignal) => boot.hold(system, signal);
    const afterStart = () => boot.started();
    this.#power = new RedfishPower({ ...this.services, address, beforeStart, afterStart }, powerTiming);
  }

  async verify(signal: AbortSignal): Promise<BmcInfo> {
    return await this.guard(async () => {
      const system = await this.#system(signal);
      const root = await this.#client.get(ROOT, signal);
      const { vendor } = await this.#known(signal, system);
      const version = textAt(root.body, 'RedfishVersion') ?? '1';
      return {
        protocol: `Redfish ${version}, ${this.#client.authKind} authentication`,
        ...named('manufacturer', textAt(system.body, 'Manufacturer') ?? textAt(root.body, 'Vendor') ?? vendor),
        ...named('product', textAt(system.body, 'Model')),
        ...(await this.#manager(vendor, signal)),
        ...named('guid', textAt(system.body, 'UUID')),
      };
    });
  }

  async powerState(signal: AbortSignal): Promise<PowerState> {
    return await this.guard(() => this.#power.state(signal));
  }

  async setPower(action: PowerAction, signal: AbortSignal): Promise<void> {
    // What does not read back here is the boot override, which must hold until the start.
    await this.guard(() => this.#power.set(action, signal), 'BMC_BOOT_NOT_ACCEPTED');
    this.#log.info('power', { action });
  }

  async bootOverride(signal: AbortSignal): Promise<BootOverride> {
    return await this.guard(() => this.#boot.override(signal));
  }

  async setBootOverride(override: BootOverride, signal: AbortSignal): Promise<void> {
    await this.guard(() => this.#boot.set(override, signal), 'BMC_BOOT_NOT_ACCEPTED');
    const { device, persistence, firmware } = override;
    this.#log.info('boot override', { device, persistence, firmware });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** Errors of the protocol as those of the BMC. @param notApplied what a change that does not read back means */
  async guard<T>(action: () => Promise<T>, notApplied?: BmcCode): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (deadlineErrors.is(error)) throw error;
      throw asBmcError(error, this.address, notApplied, this.#client.address);
    }
  }

  async #system(signal: AbortSignal): Promise<Resource> {
    const known = this.#found === undefined ? undefined : await this.#client.find(this.#found, signal);
    if (known !== undefined) return known;
    const system = await findSystem(this.#client, this.#path, this.address, signal);
    this.#found = system.path;
    return system;
  }

  async #known(signal: AbortSignal, system?: Resource): Promise<Personality> {
    if (this.#personality !== undefined) return this.#personality;
    const root = await this.#client.get(ROOT, signal);
    const { body } = system ?? (await this.#system(signal));
    this.#personality = personalityOf(root.body, body, this.#changes);
    const { vendor, quirks } = this.#personality;
    this.#log.debug('redfish service known', { vendor: vendor ?? 'unknown', quirks: [...quirks] });
    return this.#personality;
  }

  /** What the BMC says of itself. Not worth a failure. */
  async #manager(
    vendor: string | undefined,
    signal: AbortSignal,
  ): Promise<Pick<BmcInfo, 'firmwareVersion' | 'warnings'>> {
    const { clock } = this.services;
    try {
      const manager = await managerOf(this.services, signal);
      const version = textAt(manager.body, 'FirmwareVersion');
      const told = [firmwareWarning(vendor, version), clockWarning(timeOf(manager, clock.now()))];
      const warnings = told.filter((text) => text !== undefined);
      return { ...named('firmwareVersion', version), ...(warnings.length === 0 ? {} : { warnings }) };
    } catch (error) {
      if (!redfishErrors.is(error) || signal.aborted) throw error;
      this.#log.debug('the BMC does not describe itself', { why: error.message });
      return {};
    }
  }
}

function named<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: string });
}
