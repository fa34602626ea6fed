import { IngotError, errorText } from '../core/errors.ts';
import type { DataImageChange, Outcome } from './provisioner.ts';
import { type Run, unsupported } from './run.ts';

/**
 * Takes the medium out that is known to be in, and puts the wished one in unless the BMC shows it; each is read back by the
 * driver.
 */
export async function changeDataImage(run: Run, { attached, url }: DataImageChange): Promise<Outcome<object>> {
  try {
    return await run.withBmc('the BMC to change virtual media', async ({ media, address }, signal) => {
      if (media === undefined) return unsupported(`BMC ${address} has no virtual media (DataImage)`);
      const slots = await media.slots(signal);
      // A slot of which the BMC does not tell what is in it holds what was last put there.
      const holding = (image: string | undefined) =>
        image === undefined ? undefined : slots.find((s) => s.inserted && (s.image ?? attached) === image);
      const old = attached === url ? undefined : holding(attached);
      if (old !== undefined) {
        await media.eject(old.id, signal);
        run.see('bmc', 'data-image-ejected', 'data image ejected, read back');
      }
      if (url !== undefined && holding(url) === undefined) {
        const slot = await media.insert(url, { keepOthers: true }, signal);
        run.see('bmc', 'data-image-inserted', `data image inserted into ${slot.name}, read back`);
      }
      return { kind: 'done' };
    });
  } catch (error) {
    run.context.signal.throwIfAborted();
    if (!(error instanceof IngotError) || error.code.startsWith('STORE_')) throw error;
    // Said at once, also what may pass: the lifecycle keeps the machine off meanwhile, and has a pace of its own.
    run.see('bmc', 'bmc-trouble', errorText(error));
    return { kind: 'failed', code: error.code, message: error.message };
  }
}
