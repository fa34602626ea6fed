/** Network namespaces and programs inside them, for tests against real peers. Everything made is taken down by `close`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { exec, type ExecResult } from '../../src/core/exec.ts';

export class Program {
  readonly lines: string[] = [];
  readonly pid: number | undefined;
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;
  readonly #wakers = new Set<() => void>();

  constructor(argv: readonly string[]) {
    const [program = '', ...args] = argv;
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.pid = this.#child.pid;
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      let rest = '';
      stream?.on('data', (chunk: Uint8Array) => {
        const parts = (rest + Buffer.from(chunk).toString('utf8')).split('\n');
        rest = parts.pop() ?? '';
        this.lines.push(...parts);
        for (const wake of this.#wakers) wake();
      });
    }
    this.ended = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.lines.push(String(error));
        resolve(-1);
      });
      this.#child.on('close', (code) => resolve(code ?? -1));
    });
  }

  /** The first line that matches, written already or within `ms`. */
  async line(pattern: RegExp, ms = 10_000): Promise<string> {
    const find = () => this.lines.find((l) => pattern.test(l));
    const deadline = Date.now() + ms;
    for (let found = find(); ; found = find()) {
      if (found !== undefined) return found;
      const left = deadline - Date.now();
      if (left <= 0)
        throw new Error(`no line ${String(pattern)} in ${ms} ms; got:\n${this.lines.slice(-40).join('\n')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(wake, Math.min(left, 1000));
        const wakers = this.#wakers;
        function wake() {
          clearTimeout(timer);
          wakers.delete(wake);
          resolve();
        }
        wakers.add(wake);
      });
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3000);
    await this.ended;
    clearTimeout(timer);
  }
}

export class NetLab {
  readonly #prefix: string;
  readonly #namespaces = new Set<string>();
  readonly #programs: Program[] = [];

  /** @param room names the namespaces, so that leftovers tell whose they are */
  constructor(room: string) {
    this.#prefix = `ingot-${room}-${process.pid}`;
  }

  name(short: string): string {
    return `${this.#prefix}-${short}`;
  }

  async namespace(short: string): Promise<void> {
    await exec('ip', ['netns', 'add', this.name(short)]);
    this.#namespaces.add(this.name(short));
    await exec('ip', ['-n', this.name(short), 'link', 'set', 'lo', 'up']);
  }

  /** A cable between two namespaces; each end is `[namespace, interface]`, with an optional address and MAC. */
  async cable(a: CableEnd, b: CableEnd): Promise<void> {
    const peer = ['peer', 'name', b.device, 'netns', this.name(b.ns)];
    await exec('ip', ['-n', this.name(a.ns), 'link', 'add', a.device, 'type', 'veth', ...peer]);
    for (const end of [a, b]) {
      if (end.mac !== undefined) await this.ip(end.ns, `link set ${end.device} address ${end.mac}`);
      if (end.address !== undefined) await this.ip(end.ns, `addr add ${end.address} dev ${end.device}`);
      await this.ip(end.ns, `link set ${end.device} up`);
    }
  }

  async ip(ns: string, command: string): Promise<void> {
    await exec('ip', ['-n', this.name(ns), ...command.split(' ')]);
  }

  run(ns: string, argv: readonly string[], ms = 20_000, ok: readonly number[] = [0]): Promise<ExecResult> {
    return exec('ip', ['netns', 'exec', this.name(ns), ...argv], { signal: AbortSignal.timeout(ms), ok });
  }

  start(ns: string, argv: readonly string[]): Program {
    const program = new Program(['setpriv', '--pdeathsig', 'KILL', 'ip', 'netns', 'exec', this.name(ns), ...argv]);
    this.#programs.push(program);
    return program;
  }

  async close(): Promise<void> {
    await Promise.all(this.#programs.map((p) => p.stop()));
    for (const ns of this.#namespaces) await exec('ip', ['netns', 'del', ns]).catch(() => undefined);
    this.#namespaces.clear();
  }
}

export interface CableEnd {
  ns: string;
  device: string;
  /** With prefix length. */
  address?: string;
  mac?: string;
}
