import { completionOf, unlessRefused } from '../ipmi/errors.ts';
import { type FruData, decodeFru } from '../ipmi/fru/areas.ts';
import { readFruBytes } from '../ipmi/fru/read.ts';
import { BMC_ADDRESS } from '../ipmi/numbers.ts';
import type { FruControl, FruField } from './capabilities.ts';
import type { IpmiPartDoors } from './ipmi-doors.ts';
import type { IpmiSensors } from './ipmi-sensors.ts';

const SYSTEM = { device: 0, name: '' };

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
      for (const { device, name } of [SYSTEM, ...(await this.#others(signal))]) {
        const data = await this.#read(device, signal);
        for (const why of data?.warnings ?? []) this.#doors.log.warn('FRU inventory', { device, why });
        for (const field of data?.fields ?? []) {
          fields.push({ ...field, area: name === '' ? field.area : `${name}: ${field.area}` });
        }
      }
      return fields;
    });
  }

  async #read(device: number, signal: AbortSignal): Promise<FruData | undefined> {
    try {
      return decodeFru(await readFruBytes(this.#doors.run, device, signal));
    } catch (error) {
      // Nothing there (0xCB), or the device is off: the others still count. The system's own must be there.
      if (completionOf(error) === undefined || device === 0) throw error;
      return undefined;
    }
  }

  async #others(signal: AbortSignal): Promise<{ device: number; name: string }[]> {
    const records = (await unlessRefused(() => this.#sensors.records(signal))) ?? [];
    return records
      .filter((r) => r.kind === 'fru-locator')
      .filter((r) => r.logical && r.device !== 0 && r.address === BMC_ADDRESS);
  }
}
