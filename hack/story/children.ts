import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { LabNetwork } from '../../src/sim/lab-network.ts';
import { insideLab } from '../../src/sim/lab.ts';

export interface Child {
  process: ChildProcess;
  /** Asks it to end, makes it end after `graceMs`, and waits for that. */
  stop(graceMs?: number): Promise<void>;
  exited: Promise<number | null>;
}

export interface ChildOptions {
  /** Runs inside this lab's namespace. */
  network?: LabNetwork;
  /** File that gets stderr, and stdout unless `onLine` is given. */
  log: string;
  env?: Record<string, string>;
  onLine?: (line: string) => void;
}

/**
 * Starts a long-running program of the demo. It is in a session of its own, so that Ctrl-C reaches only the demo, which
 * takes everything down in order; if the demo itself is killed, the kernel kills the program too.
 */
export function startChild(argv: readonly string[], options: ChildOptions): Child {
  const [command, ...args] =
    options.network === undefined ? ['setpriv', '--pdeathsig', 'KILL', ...argv] : insideLab(options.network, argv);
  const log = openSync(options.log, 'a');
  const child = spawn(command ?? '', args, {
    stdio: ['ignore', options.onLine === undefined ? log : 'pipe', log],
    env: { ...process.env, ...options.env },
    detached: true,
  });
  closeSync(log);
  if (options.onLine !== undefined && child.stdout !== null)
    createInterface({ input: child.stdout }).on('line', options.onLine);
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
    child.once('error', () => resolve(null));
  });
  return {
    process: child,
    exited,
    async stop(graceMs = 5000) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(force);
    },
  };
}
