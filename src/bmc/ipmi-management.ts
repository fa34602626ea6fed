import { resetBmc } from '../ipmi/commands/app/reset.ts';
import { chassisIdentify } from '../ipmi/commands/chassis/identify.ts';
import { addressSource } from '../ipmi/commands/lan/address-source.ts';
import { getLanConfig } from '../ipmi/commands/lan/config.ts';
import { LanParameter } from '../ipmi/commands/lan/parameters.ts';
import { getUserAccess } from '../ipmi/commands/user/access.ts';
import { getUserName } from '../ipmi/commands/user/name.ts';
import { ipmiErrors, unlessRefused } from '../ipmi/errors.ts';
import { THIS_CHANNEL, privilegeName } from '../ipmi/numbers.ts';
import type { ManagementControl } from './capabilities.ts';
import type { IpmiPartDoors } from './ipmi-doors.ts';
import { bmcErrors } from './errors.ts';

/** Longest identify time of the command (§28.5). */
const MAX_IDENTIFY_SECONDS = 255;
const MAC_BYTES = 6;

/** The BMC itself: restart, light, accounts, network. */
export class IpmiManagement implements ManagementControl {
  readonly #doors: IpmiPartDoors;
  readonly #address: string;

  constructor(address: string, doors: IpmiPartDoors) {
    this.#address = address;
    this.#doors = doors;
  }

  /** The BMC may restart before it answers: that its answer is missing says that it does what it was asked. */
  async resetBmc(kind: 'cold' | 'warm', signal: AbortSignal): Promise<void> {
    await this.#doors.guard(async () => {
      try {
        await this.#doors.run(resetBmc(kind), signal);
      } catch (error) {
        if (!ipmiErrors.is(error, 'IPMI_UNCERTAIN')) throw error;
        this.#doors.log.info('BMC restarts, its answer did not come', { kind });
      }
    });
  }

  async identify(seconds: number, signal: AbortSignal): Promise<void> {
    if (!Number.isInteger(seconds) || seconds < 0 || seconds > MAX_IDENTIFY_SECONDS) {
      throw bmcErrors.make(
        'BMC_UNSUPPORTED',
        `BMC ${this.#address}: identify lasts 0 to ${MAX_IDENTIFY_SECONDS} s over IPMI, not ${seconds}`,
      );
    }
    await this.#doors.guard(() => this.#doors.run(chassisIdentify(seconds), signal));
  }

  async accounts(signal: AbortSignal): Promise<{ id: string; name: string; role: string; enabled: boolean }[]> {
    return await this.#doors.guard(async () => {
      const accounts = [];
      for (let id = 1, max = 1; id <= max; id++) {
        const access = await unlessRefused(() => this.#doors.run(getUserAccess(THIS_CHANNEL, id), signal));
        if (access === undefined) continue;
        max = access.maxUsers;
        const name = (await unlessRefused(() => this.#doors.run(getUserName(id), signal))) ?? '';
        if (name === '' && access.enabled !== true) continue;
        const role = privilegeName(access.privilege);
        // BMCs that do not say whether a user is enabled let those in who have access to the channel.
        accounts.push({ id: String(id), name, role, enabled: access.enabled ?? access.ipmi });
      }
      return accounts;
    });
  }

  async network(signal: AbortSignal): Promise<{ mac?: string; addresses: readonly string[]; source?: string }> {
    return await this.#doors.guard(async () => {
      const get = (parameter: number) =>
        unlessRefused(() => this.#doors.run(getLanConfig(THIS_CHANNEL, parameter), signal));
      const mac = await get(LanParameter.mac);
      const address = await get(LanParameter.address);
      const source = await get(LanParameter.source);
      const set = address?.length === 4 && address.some((b) => b !== 0);
      return {
        ...(mac?.length === MAC_BYTES
          ? {
              mac: Buffer.from(mac)
                .toString('hex')
                .replace(/..(?!$)/g, '$&:'),
            }
          : {}),
        addresses: set ? [address.join('.')] : [],
        ...(source?.[0] === undefined ? {} : { source: addressSource(source[0]) }),
      };
    });
  }
}
