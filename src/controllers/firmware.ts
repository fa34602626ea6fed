import { detachRequest } from '../api/annotations.ts';
import type { ObjectKey } from '../api/meta.ts';
import { BARE_METAL_HOST } from '../api/resources.ts';
import { Deadline } from '../core/deadline.ts';
import { IngotError } from '../core/errors.ts';
import { orMissing } from '../store/or-missing.ts';
import type { WorkResult } from '../store/workqueue.ts';
import { BMC_LOOK_MS, type ControllerDoors } from './doors.ts';
import { reconcileComponents } from './firmware-components.ts';
import { reconcileSettings } from './firmware-settings.ts';
import { mayAskBmc } from './readiness.ts';

/** Requeue times of metal3-compat §1.3. */
const STEADY_MS = 5 * 60_000;
const CHANGE_MS = 60_000;
const TROUBLE_MS = 30_000;
const LEFT_ALONE_MS = 10 * 60_000;

/** One pass over the firmware of one host: its settings and its components, as far as the BMC shows them. */
export async function reconcileFirmware(
  doors: ControllerDoors,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<WorkResult> {
  const host = await orMissing(doors.store.get(BARE_METAL_HOST, key));
  if (host === undefined) return { requeueMs: undefined };
  if (!mayAskBmc(host)) return { requeueMs: detachRequest(host) === undefined ? undefined : LEFT_ALONE_MS };
  using deadline = new Deadline(doors.clock, 'the BMC to show its firmware', BMC_LOOK_MS, signal);
  try {
    const { bios, firmware } = await doors.bmcOf(host, deadline.signal);
    if (bios === undefined && firmware === undefined) return { requeueMs: undefined };
    const settings = await tolerant(() => bios && reconcileSettings(doors, host, bios, deadline.signal));
    const components = await tolerant(() => firmware && reconcileComponents(doors, host, firmware, deadline.signal));
    return { requeueMs: settings || components ? CHANGE_MS : STEADY_MS };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof IngotError) || error.code.startsWith('STORE_')) throw error;
    doors.log.info('firmware not readable', { host: `${key.namespace}/${key.name}`, why: error.toString() });
    return { requeueMs: TROUBLE_MS };
  }
}

/** A machine without BIOS settings may still have firmware to show. */
async function tolerant(work: () => Promise<boolean> | undefined): Promise<boolean> {
  try {
    return (await work()) ?? false;
  } catch (error) {
    if (error instanceof IngotError && error.code === 'BMC_UNSUPPORTED') return false;
    throw error;
  }
}
