import { join } from 'node:path';
import { exec } from '../../src/core/exec.ts';
import { REPOSITORY } from '../../src/sim/builders.ts';

/** Folder of the virtual environment with the Python peers (hack/peers), made when it is not there yet. */
export async function peersFolder(): Promise<string> {
  return (await exec(join(REPOSITORY, 'hack/peers/venv'), [])).stdout.trim();
}
