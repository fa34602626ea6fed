import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '../../src/core/exec.ts';

/**
 * A file that cannot be read faster than so many bytes a second (nbdkit's rate filter behind nbdfuse), however often: what
 * is made of it takes its time, and a test has time to look.
 */
export class SlowFile {
  readonly path: string;
  readonly #dir: string;
  readonly #children: ChildProcess[];

  private constructor(dir: string, path: string, children: ChildProcess[]) {
    this.#dir = dir;
    this.path = path;
    this.#children = children;
  }

  /** @param name as which the file shows up in its folder */
  static async of(source: string, name: string, bytesPerSecond: number): Promise<SlowFile> {
    const dir = await mkdtemp(join(tmpdir(), 'ingot-slow-'));
    const [socket, path] = [join(dir, 'socket'), join(dir, name)];
    const { size } = await stat(source);
    // Dies with us, also when the test runner is killed.
    const start = (...command: string[]) => spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: 'ignore' });
    const nbdkit = ['nbdkit', '-f', '-r', '-U', socket, '--filter=rate', 'file', source, `rate=${bytesPerSecond * 8}`];
    const children = [start(...nbdkit)];
    const file = new SlowFile(dir, path, children);
    try {
      await until(socket, async () => (await stat(socket)).isSocket());
      await writeFile(path, '');
      children.push(start('nbdfuse', '-r', path, `nbd+unix:///?socket=${socket}`));
      await until(path, async () => (await stat(path)).size === size);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await exec('umount', ['--lazy', this.path], { ok: [0, 1, 32] });
    for (const child of this.#children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    await rm(this.#dir, { recursive: true, force: true });
  }
}

async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; ;) {
    if (await check().catch(() => false)) return;
    if (Date.now() > end) throw new Error(`${what} did not come to be`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
