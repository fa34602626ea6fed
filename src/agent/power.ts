import { writeFile } from 'node:fs/promises';
import { exec } from '../core/exec.ts';

/** Ends this boot. Nothing is mounted from a disk, so there is nothing to shut down; only what was written is flushed. */
export async function endMachine(action: 'reboot' | 'poweroff'): Promise<void> {
  await exec('sync', []).catch(() => {});
  // -f: ask the kernel, not /init.
  await exec(action, ['-f']).catch(() => writeFile('/proc/sysrq-trigger', action === 'reboot' ? 'b' : 'o'));
}
