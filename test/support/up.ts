import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream, openSync, closeSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { exec } from '../../src/core/exec.ts';
import { REPOSITORY } from '../../src/sim/builders.ts';
import { insideLab } from '../../src/sim/lab.ts';
import { LAB_RANGE } from '../../src/sim/lab-network.ts';
import type { TestLab } from './lab.ts';

/** `ingot up` as a process of its own in a lab's network, so that it can be killed like one. */
export class Up {
  readonly #test: TestLab;
  readonly #ramdisk: string;
  readonly #log: string;
  #child: ChildProcess | undefined;
  kubeconfig = '';
  httpPort = 0;

  constructor(test: TestLab, ramdisk: string) {
    this.#test = test;
    this.#ramdisk = ramdisk;
    this.#log = join(test.dir, 'engine.log');
  }

  get dataDir(): string {
    return join(this.#test.dir, 'engine');
  }

  async start(...more: string[]): Promise<void> {
    const { network } = this.#test.lab;
    const listen = ['--interface', network.bridge, '--range', LAB_RANGE, '--api-address', network.insideAddress];
    const main = join(REPOSITORY, 'src/cli/main.ts');
    const argv = [process.execPath, main, 'up', '--data', this.dataDir, ...listen, '--ramdisk', this.#ramdisk];
    const [command, ...args] = insideLab(network, [...argv, '--json', '--yes', ...more]);
    const log = openSync(this.#log, 'a');
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', log] });
    closeSync(log);
    this.#child = child;
    const line = await firstLine(child);
    const { kubeconfig, httpPort } = JSON.parse(line ?? '{}') as { kubeconfig?: string; httpPort?: number };
    if (kubeconfig === undefined) throw new Error(`ingot up did not start: ${await this.log()}`);
    this.kubeconfig = kubeconfig;
    this.httpPort = httpPort ?? 0;
  }

  /** @returns its exit code, null when a signal ended it */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    return ended;
  }

  async log(): Promise<string> {
    return (await readFile(this.#log, 'utf8').catch(() => '')).slice(-6000);
  }

  async kubectl(args: readonly string[], input?: string): Promise<string> {
    const env = { KUBECONFIG: this.kubeconfig };
    return (await exec('kubectl', args, { env, ...(input === undefined ? {} : { input }) })).stdout;
  }

  /** A field of the host or its progress, by JSONPath; empty while the API is away. */
  async field(kind: 'baremetalhost' | 'hostprogress', name: string, path: string): Promise<string> {
    const args = ['get', kind, name, '--request-timeout=5s', '-o', `jsonpath={${path}}`];
    return this.kubectl(args).catch(() => '');
  }

  /** Waits until the host is in `state`; errors of the host end the wait, with what `explain` says of it. */
  async state(name: string, state: string, seconds: number): Promise<void> {
    const end = performance.now() + seconds * 1000;
    for (;;) {
      const now = await this.field('baremetalhost', name, '.status.provisioning.state');
      if (now === state) return;
      const error = await this.field('baremetalhost', name, '.status.errorMessage');
      if (error !== '' || performance.now() > end) {
        const why = error === '' ? `not ${state} after ${seconds} s but ${now}` : error;
        throw new Error(`${name}: ${why}\n${await this.explain(name)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  async explain(name: string): Promise<string> {
    const main = join(REPOSITORY, 'src/cli/main.ts');
    const args = [main, 'explain', name, '--kubeconfig', this.kubeconfig, '--timeline'];
    return (await exec(process.execPath, args, { ok: [0, 1] })).stdout;
  }
}

function firstLine(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    if (child.stdout === null) return resolve(undefined);
    const lines = createInterface({ input: child.stdout });
    lines.once('line', resolve);
    lines.once('close', () => resolve(undefined));
  });
}

export interface FileServer {
  url: string;
  /** Bytes sent so far. */
  sent: number;
  close(): Promise<void>;
}

/** Serves one file over HTTP at an address, as somebody's own image server would. */
export async function serveFile(address: string, path: string): Promise<FileServer> {
  const { size } = await stat(path);
  const server = http.createServer((request, response) => {
    response.writeHead(200, { 'content-length': size });
    if (request.method === 'HEAD') return response.end();
    const stream = createReadStream(path);
    stream.on('data', (chunk) => (self.sent += chunk.length));
    return stream.pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const at = server.address();
  const port = typeof at === 'object' && at !== null ? at.port : 0;
  const self: FileServer = {
    url: `http://${address}:${port}/disk.qcow2`,
    sent: 0,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return self;
}
