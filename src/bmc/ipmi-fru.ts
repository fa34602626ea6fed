import { type RunCommand, at } from '../ipmi/commands/command.ts';
import { unlessRefused } from '../ipmi/errors.ts';
import { type FruData, decodeFru } from '../ipmi/fru/areas.ts';
import { readFruBytes } from '../ipmi/fru/read.ts';
import type { FruControl, FruField } from './capabilities.ts';
import type { IpmiPartDoors } from './ipmi-doors.ts';
import type { IpmiSensors } from './ipmi-sensors.ts';
import { type Place, wayTo } from './ipmi-way.ts';

interface Inventory extends Place {
  device: number;
  name: string;
}

/** FRU inventories: of the system, and of each device behind the BMC that the SDR repository names. */
export class IpmiFru implements FruControl {
  readonly #doors: IpmiPartDoors;
  readonly #sensors: IpmiSensors;

  constructor(doors: IpmiPartDoors, sensors: IpmiSensors) {
    this.#doors = doors;
    this.#sensors = sensors;
  }

  async fru(signal: AbortSignal): Promise<FruField[]> {
    return await this.#doors.guard(async () => {
      const fields: FruField[] = [];
      const system = { device: 0, name: '', address: this.#doors.own, channel: 0, lun: 0 };
      for (const inventory of [system, ...(await this.#others(signal))]) {
        const { device, name } = inventory;
        const data = await this.#read(inventory, inventory === system, signal);
        for (const why of data?.warnings ?? []) this.#doors.log.warn('FRU inventory', { device, why });
        for (const field of data?.fields ?? []) {
          fields.push({ ...field, area: name === '' ? field.area : `${name}: ${field.area}` });
        }
      }
      return fields;
    });
  }

  async #read(inventory: Inventory, required: boolean, signal: AbortSignal): Promise<FruData | undefined> {
    const { run, own } = this.#doors;
    const way = wayTo(inventory, own);
    if (way === undefined) return undefined;
    const there: RunCommand = (command, s) => run(at(command, way), s);
    const read = async () => decodeFru(await readFruBytes(there, inventory.device, signal));
    // Nothing there (0xCB), or the device is off: the others still count. The system's own must be there.
    return required ? await read() : await unlessRefused(read);
  }

  async #others(signal: AbortSignal): Promise<Inventory[]> {
    const records = (await unlessRefused(() => this.#sensors.records(signal))) ?? [];
    return records
      .filter((r) => r.kind === 'fru-locator')
      .filter((r) => r.logical && (r.device !== 0 || r.address !== this.#doors.own));
  }
}
