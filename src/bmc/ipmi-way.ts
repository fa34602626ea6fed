import type { Route } from '../ipmi/bridge.ts';
import { BMC_ADDRESS } from '../ipmi/numbers.ts';

/** Where a sensor or an inventory is, as its SDR says. */
export interface Place {
  address: number;
  channel: number;
  lun: number;
}

/**
 * How to ask for what is at `place`.
 * @param own address of the controller whose SDRs these are
 * @returns undefined: it cannot be asked: it is software, or behind a controller that is itself behind another
 */
export function wayTo({ address, channel, lun }: Place, own: number): { lun?: number; route?: Route } | undefined {
  if ((address & 1) === 1) return undefined;
  const logical = lun === 0 ? {} : { lun };
  if (address === own) return logical;
  return own === BMC_ADDRESS ? { ...logical, route: [{ channel, address }] } : undefined;
}
