import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { exec } from '../../src/core/exec.ts';
import { type Testbed, freePort, startTestbed } from './testbed.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const INGOT = path.join(ROOT, 'hack/ingot');
const OPERATOR_NS = 'ingot-system';

/** `ingot operator` as a process of its own on a real kube-apiserver, with the rights of its service account and no more. */
export class OperatorProcess {
  /** Everything that all its lives have printed. */
  readonly output: string[] = [];
  readonly namespace: string;
  readonly #bed: Testbed;
  readonly #dir: string;
  readonly #ports: string[];
  #child: ChildProcess | undefined;

  private constructor(bed: Testbed, dir: string, ports: string[], namespace: string) {
    this.#bed = bed;
    this.#dir = dir;
    this.#ports = ports;
    this.namespace = namespace;
  }

  /** Starts the API with our resource types and the namespace `namespace`; then the operator. */
  static async start(namespace: string): Promise<OperatorProcess> {
    const dir = await mkdtemp(path.join(tmpdir(), 'ingot-operator-'));
    for (const file of ['undionly.kpxe', 'snponly.efi', 'vmlinuz', 'ramdisk.zst']) {
      await writeFile(path.join(dir, file), `content of ${file}`);
    }
    const bed = await startTestbed();
    const [http, agent] = [await freePort(), await freePort()];
    const ports = ['--http-port', String(http), '--agent-port', String(agent), '--tftp-port', '0'];
    const operator = new OperatorProcess(bed, dir, ports, namespace);
    try {
      const crds = path.join(ROOT, 'crds');
      await operator.admin('apply', '--server-side', '-f', crds, '-f', path.join(crds, 'install'));
      await operator.admin('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
      await operator.admin('create', 'namespace', namespace);
      const token = (await operator.admin('-n', OPERATOR_NS, 'create', 'token', 'ingot-operator')).trim();
      const config = JSON.parse(await operator.admin('config', 'view', '--raw', '-o', 'json')) as { users: unknown };
      config.users = [{ name: 't', user: { token } }];
      await writeFile(path.join(dir, 'kubeconfig'), JSON.stringify(config), { mode: 0o600 });
      await operator.run();
      return operator;
    } catch (error) {
      await operator.close();
      throw error;
    }
  }

  /** kubectl as an administrator. */
  async admin(...args: string[]): Promise<string> {
    return (await exec(this.#bed.kubectl, [`--kubeconfig=${this.#bed.kubeconfig}`, ...args])).stdout;
  }

  kubectl(...args: string[]): Promise<string> {
    return this.admin('-n', this.namespace, ...args);
  }

  async apply(...objects: object[]): Promise<void> {
    const input = objects.map((o) => JSON.stringify(o)).join('\n---\n');
    const args = [`--kubeconfig=${this.#bed.kubeconfig}`, '-n', this.namespace, 'apply', '-f', '-'];
    await exec(this.#bed.kubectl, args, { input });
  }

  patch(resource: string, patch: object): Promise<string> {
    return this.kubectl('patch', resource, '--type=merge', '-p', JSON.stringify(patch));
  }

  /** What is at `jsonpath` of an object; '' for nothing. */
  get(resource: string, jsonpath: string): Promise<string> {
    return this.kubectl('get', resource, '-o', `jsonpath=${jsonpath}`);
  }

  /** Polls until what is at `jsonpath` is as wanted. */
  async until(resource: string, jsonpath: string, wanted: RegExp, seconds = 60): Promise<string> {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const text = await this.get(resource, jsonpath).catch((error: unknown) => `unreadable: ${String(error)}`);
      if (wanted.test(text)) return text;
      if (Date.now() > end) {
        throw new Error(
          `${resource} ${jsonpath} is "${text}", not ${wanted}\n${this.output
            .filter((line) => !line.includes('"msg":"redfish"'))
            .slice(-25)
            .join('\n')}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Starts a life of the operator; resolves when it leads. */
  async run(): Promise<void> {
    const data = path.join(this.#dir, 'data');
    const args = ['operator', '--no-dhcp', '--json', '--kubeconfig', path.join(this.#dir, 'kubeconfig')];
    const files = ['--data', data, '--ramdisk', this.#dir, '--ipxe', this.#dir, ...this.#ports, '--log-level', 'debug'];
    // Dies with us, also when the test runner is killed.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', INGOT, ...args, ...files], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    createInterface({ input: child.stderr }).on('line', (line) => void this.output.push(line));
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.output.push(line);
      if (line.startsWith('{"ready":true')) resolve();
    });
    child.once('exit', () => reject(new Error(`the operator ended:\n${this.output.slice(-20).join('\n')}`)));
    await promise;
  }

  /** kill -9. Its Lease, which would have to run out, is taken away too. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
    await this.admin('-n', OPERATOR_NS, 'delete', 'lease', 'ingot-operator', '--ignore-not-found');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  async close(): Promise<void> {
    await this.#end('SIGTERM');
    await this.#bed.close();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
