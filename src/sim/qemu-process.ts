import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { simErrors } from './errors.ts';
import { QmpClient, type QmpEvent } from './qmp.ts';

export interface QemuOptions {
  /** Program arguments, from `qemuArgs`. */
  args: readonly string[];
  /** Gets qemu.log: what QEMU itself says. */
  dir: string;
  namespace?: string;
  clock: Clock;
  onEvent: (event: QmpEvent) => void;
  /** Called once when the process is gone. */
  onExit: (code: number | null) => void;
}

/** A busy host needs seconds to load QEMU; nothing takes this long unless it is stuck. */
const START_MS = 30_000;
/** From `quit` until the process is killed. */
const QUIT_MS = 3000;

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** One powered-on machine: a QEMU process and its control channel. */
export class QemuProcess {
  readonly qmp: QmpClient;
  readonly pid: number;
  readonly #child: Child;
  readonly #exited: Promise<void>;

  private constructor(child: Child, pid: number, qmp: QmpClient, exited: Promise<void>) {
    this.#child = child;
    this.pid = pid;
    this.qmp = qmp;
    this.#exited = exited;
  }

  /**
   * Starts QEMU and waits until it takes commands. It ends when this process ends, however that happens.
   * @throws SIM_QEMU_FAILED with the exit code, SIM_QMP_CLOSED, DEADLINE_EXCEEDED
   */
  static async start(options: QemuOptions): Promise<QemuProcess> {
    const inNamespace = options.namespace === undefined ? [] : ['ip', 'netns', 'exec', options.namespace];
    // setpriv and ip replace themselves by the next program, so the pid stays QEMU's and the death signal is kept.
    const argv = ['--pdeathsig', 'KILL', ...inNamespace, 'qemu-system-x86_64', ...options.args];
    const log = openSync(join(options.dir, 'qemu.log'), 'a');
    const child = spawn('setpriv', argv, { stdio: ['pipe', 'pipe', log] }) as Child;
    closeSync(log);
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    child.once('exit', (code) => options.onExit(code));
    child.once('error', () => options.onExit(null));
    const { pid } = child;
    if (pid === undefined) {
      throw simErrors.make('SIM_QEMU_FAILED', 'cannot start setpriv (package util-linux)');
    }
    const qmp = new QmpClient({
      input: child.stdout,
      output: child.stdin,
      clock: options.clock,
      onEvent: options.onEvent,
    });
    const running = new QemuProcess(child, pid, qmp, exited);
    try {
      await qmp.negotiate(START_MS);
    } catch (cause) {
      await running.kill();
      throw simErrors.make('SIM_QEMU_FAILED', `QEMU did not start (exit code ${child.exitCode ?? 'none'})`, { cause });
    }
    return running;
  }

  /** Ends the process in order (buffers go to the disk file), by force when it does not listen. */
  async quit(clock: Clock): Promise<void> {
    const timer = clock.timer(QUIT_MS, () => this.#child.kill('SIGKILL'));
    // The channel closes before an answer is certain to arrive; the exit is what counts.
    await this.qmp.execute('quit').catch(() => {});
    await this.#exited;
    timer.cancel();
  }

  /** Ends the process at once: what a cut cable does. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
