import { Machine } from './machine.ts';
import { endRamdisk } from './power.ts';
import type { Run } from './run.ts';

/** Off and on: a reset keeps old settings on some machines. The ramdisk, if it runs, has nothing to save. */
export async function restartMachine(run: Run): Promise<void> {
  const machine = new Machine(run);
  await endRamdisk(run);
  await machine.off();
  await machine.on();
}
