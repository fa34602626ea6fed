import { Deadline } from '../core/deadline.ts';
import { troubled } from './operation.ts';
import type { DataImageChange, Outcome } from './provisioner.ts';
import type { Run } from './run.ts';

/** Takes the medium out that is known to be in, and puts the wished one in; each is read back by the driver. */
export async function changeDataImage(run: Run, { attached, url }: DataImageChange): Promise<Outcome<object>> {
  const { doors, context } = run;
  try {
    using deadline = new Deadline(doors.clock, 'the BMC to change virtual media', doors.limits.bmcMs, context.signal);
    const { media, address } = await doors.bmcs.get(context);
    if (media === undefined) {
      const message = `BMC ${address} has no virtual media (DataImage)`;
      return { kind: 'failed', code: 'PROVISION_UNSUPPORTED', message };
    }
    const slots = await media.slots(deadline.signal);
    const holding = (image: string | undefined) =>
      slots.find((s) => s.inserted && s.image === image && image !== undefined);
    const old = attached === url ? undefined : holding(attached);
    if (old !== undefined) {
      await media.eject(old.id, deadline.signal);
      run.see('bmc', 'data-image-ejected', 'data image ejected, read back');
    }
    if (url !== undefined && holding(url) === undefined) {
      const slot = await media.insert(url, { keepOthers: true }, deadline.signal);
      run.see('bmc', 'data-image-inserted', `data image inserted into ${slot.name}, read back`);
    }
    return { kind: 'done' };
  } catch (error) {
    const result = await troubled(run, error, 'the BMC to change virtual media');
    if (result.kind === 'failed') return result;
    return { kind: 'continue', requeueMs: result.kind === 'again' ? result.ms : 0, dirty: false };
  }
}
