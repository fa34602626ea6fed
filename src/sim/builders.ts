import { join } from 'node:path';
import { exec } from '../core/exec.ts';
import type { Clock } from '../core/clock.ts';
import { type AcceleratorChoice, chooseAccelerator } from './kvm-probe.ts';

/** The repository's root: image builders and the cache are found from here. */
export const REPOSITORY = join(import.meta.dirname, '..', '..');

/** Things that take long to make are kept here. */
export const CACHE_DIR = process.env['INGOT_CACHE'] ?? join(REPOSITORY, '.cache');

/**
 * Runs an image builder of `images/` and returns the folder that it prints. Builders keep what they made.
 * @throws EXEC_FAILED with the tail of what the builder said
 */
export async function buildImage(builder: string, signal?: AbortSignal): Promise<string> {
  const { stdout } = await exec(join(REPOSITORY, 'images', builder), [], signal === undefined ? {} : { signal });
  return stdout.trim().split('\n').at(-1) ?? '';
}

/** `chooseAccelerator` with this repository's probe image and cache. */
export function labAccelerator(clock: Clock): Promise<AcceleratorChoice> {
  return chooseAccelerator({
    clock,
    cacheFile: join(CACHE_DIR, 'kvm-probe.json'),
    probeImage: async () => {
      const dir = await buildImage('demo-os/probe/build');
      return { kernel: join(dir, 'vmlinuz'), initrd: join(dir, 'initrd.zst') };
    },
  });
}
