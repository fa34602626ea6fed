import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';

type Check = (host: BareMetalHost) => boolean;

/** Every version of every host of a namespace, as `kubectl get -w` shows them. */
export class HostWatch {
  readonly #child: ChildProcess;
  readonly #latest = new Map<string, BareMetalHost>();
  readonly #traces = new Map<string, string[]>();
  readonly #listeners = new Set<(host: BareMetalHost) => void>();

  constructor(kubectl: [string, ...string[]], namespace: string) {
    const [program, ...first] = kubectl;
    const args = [...first, '-n', namespace, 'get', 'bmh', '-w', '-o', 'json'];
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let lines: string[] = [];
    if (this.#child.stdout === null) throw new Error('no pipe');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      lines.push(line);
      if (line !== '}') return;
      this.#take(JSON.parse(lines.join('\n')) as BareMetalHost);
      lines = [];
    });
  }

  #take(host: BareMetalHost): void {
    const { name } = host.metadata;
    this.#latest.set(name, host);
    const { provisioning, operationalStatus, errorType = '' } = host.status ?? {};
    const now = `${provisioning?.state ?? ''}/${operationalStatus ?? ''}${errorType === '' ? '' : `/${errorType}`}`;
    const trace = this.#traces.get(name) ?? [];
    if (trace.at(-1) !== now) trace.push(now);
    this.#traces.set(name, trace);
    for (const listener of this.#listeners) listener(host);
  }

  latest(name: string): BareMetalHost | undefined {
    return this.#latest.get(name);
  }

  /** `state/operationalStatus/errorType` as they followed each other. */
  trace(name: string): string[] {
    return this.#traces.get(name) ?? [];
  }

  /** The first version, from the newest on, of which `check` holds. */
  until(name: string, check: Check, what: string, seconds = 60): Promise<BareMetalHost> {
    const { promise, resolve, reject } = Promise.withResolvers<BareMetalHost>();
    const listener = (host: BareMetalHost) => {
      if (host.metadata.name === name && check(host)) resolve(host);
    };
    const timer = setTimeout(() => {
      const seen = JSON.stringify({ trace: this.trace(name), status: this.latest(name)?.status }, undefined, 1);
      reject(new Error(`${name} did not come to ${what} in ${seconds} s: ${seen}`));
    }, seconds * 1000);
    this.#listeners.add(listener);
    const now = this.latest(name);
    if (now !== undefined) listener(now);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#listeners.delete(listener);
    });
  }

  /** Until the host is in `state` and well. */
  well(name: string, state: string, seconds = 60): Promise<BareMetalHost> {
    const check: Check = ({ status }) => status?.provisioning.state === state && status.operationalStatus === 'OK';
    return this.until(name, check, `${state}, OK`, seconds);
  }

  /** Until the host shows an error of this type. */
  error(name: string, type: string, seconds = 60): Promise<BareMetalHost> {
    return this.until(name, ({ status }) => status?.errorType === type, type, seconds);
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
  }
}
