import { exec } from '../../src/core/exec.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { type Child, startChild } from './children.ts';

export interface WatchEvents {
  onObject: (object: KubeObject) => void;
}

/** The user's own tool: everything the demo asks of Ingot, it asks by kubectl. */
export class Kubectl {
  readonly #kubeconfig: string;
  readonly #log: string;
  readonly #signal: AbortSignal;
  readonly #watches: Child[] = [];
  #closed = false;

  constructor(options: { kubeconfig: string; log: string; signal: AbortSignal }) {
    this.#kubeconfig = options.kubeconfig;
    this.#log = options.log;
    this.#signal = options.signal;
  }

  /** Runs kubectl. @throws EXEC_FAILED with what it said */
  async run(args: readonly string[], input?: string): Promise<string> {
    const { stdout } = await exec('kubectl', ['--kubeconfig', this.#kubeconfig, ...args], {
      signal: this.#signal,
      ...(input === undefined ? {} : { input }),
    });
    return stdout;
  }

  apply(yaml: string): Promise<string> {
    return this.run(['apply', '-f', '-'], yaml);
  }

  async get<T extends KubeObject>(resource: string, name: string): Promise<T> {
    return JSON.parse(await this.run(['get', resource, name, '-o', 'json'])) as T;
  }

  /** `kubectl get RESOURCE -w -o json`, started again when it ends, until `close`. */
  watch(resource: string, onObject: (object: KubeObject) => void): void {
    if (this.#closed) return;
    const reader = new ObjectReader(onObject);
    const child = startChild(['kubectl', '--kubeconfig', this.#kubeconfig, 'get', resource, '-w', '-o', 'json'], {
      log: this.#log,
      onLine: (line) => reader.line(line),
    });
    this.#watches.push(child);
    void child.exited.then(() => setTimeout(() => this.watch(resource, onObject), 1000).unref());
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#watches.map((child) => child.stop(500)));
  }
}

/** Cuts kubectl's stream of pretty-printed objects at the line that closes each: a brace in the first column. */
export class ObjectReader {
  readonly #onObject: (object: KubeObject) => void;
  #lines: string[] = [];

  constructor(onObject: (object: KubeObject) => void) {
    this.#onObject = onObject;
  }

  line(line: string): void {
    this.#lines.push(line);
    if (line !== '}') return;
    const text = this.#lines.join('\n');
    this.#lines = [];
    this.#onObject(JSON.parse(text) as KubeObject);
  }
}
