/** A real `ingot up` process on loopback without DHCP, kubectl, and simulated machines behind real IPMI servers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { BareMetalHostSpec } from '../../src/api/baremetalhost.ts';
import type { Event } from '../../src/api/core-types.ts';
import { scriptScope } from '../../src/boot/script-for.ts';
import { UrlSigner } from '../../src/boot/url-signing.ts';
import { exec, type ExecResult } from '../../src/core/exec.ts';
import type { IpmiServer } from '../../src/ipmi/server.ts';
import { HostWatch } from './host-watch.ts';
import { type SimDisk, request } from './sim-agent.ts';
import { startSimBmc } from './sim-bmc.ts';
import { SimMachine } from './sim-machine.ts';
import { writeFakeIso } from './sim-media.ts';

const INGOT = path.resolve(import.meta.dirname, '../../hack/ingot');
export const NS = 'lab';
export const PASSWORD = 'correct horse';

export interface SimHost {
  name: string;
  mac: string;
  machine: SimMachine;
  bmc: IpmiServer;
}

type SpecEdit = { [Field in keyof BareMetalHostSpec]?: BareMetalHostSpec[Field] | undefined };

export interface HostOptions {
  /** Laid over the defaults of the spec; undefined members are left out. */
  spec?: SpecEdit;
  disks?: SimDisk[];
  /** The BMC's real password, and what the Secret says. */
  password?: string;
  /** What is under `stringData`; undefined: no Secret at all. */
  secret?: Record<string, string> | undefined;
}

interface Ready {
  kubeconfig: string;
  httpPort: number;
}

export class Standalone {
  readonly dir: string;
  readonly hosts: HostWatch;
  readonly #child: ChildProcess;
  readonly #ready: Ready;
  readonly #output: string[];
  readonly #sims: SimHost[] = [];
  #count = 0;
  #signer: UrlSigner | undefined;

  private constructor(dir: string, child: ChildProcess, ready: Ready, output: string[]) {
    this.dir = dir;
    this.#child = child;
    this.#ready = ready;
    this.#output = output;
    this.hosts = new HostWatch(['kubectl', `--kubeconfig=${ready.kubeconfig}`], NS);
  }

  /** Starts the engine, makes the namespace and begins to watch its hosts. */
  static async start(more: string[] = []): Promise<Standalone> {
    const dir = await mkdtemp(path.join(tmpdir(), 'ingot-standalone-'));
    for (const file of ['undionly.kpxe', 'snponly.efi', 'vmlinuz', 'ramdisk.zst']) {
      await writeFile(path.join(dir, file), `content of ${file}`);
    }
    writeFakeIso(dir);
    const ports = ['--api-port', '0', '--http-port', '0', '--agent-port', '0', '--tftp-port', '0'];
    const args = ['up', '--no-dhcp', '--json', '--data', path.join(dir, 'data'), '--ramdisk', dir, '--ipxe', dir];
    // Dies with us, also when the test runner is killed.
    const command = ['--pdeathsig', 'KILL', INGOT, ...args, ...ports, '--log-level', 'debug', ...more];
    const child = spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'pipe'] });
    const output: string[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<Ready>();
    createInterface({ input: child.stderr }).on('line', (line) => void output.push(line));
    createInterface({ input: child.stdout }).on('line', (line) => {
      output.push(line);
      if (line.startsWith('{"ready":true')) resolve(JSON.parse(line) as Ready);
    });
    child.once('exit', () => reject(new Error(`ingot up ended:\n${output.slice(-20).join('\n')}`)));
    child.once('error', reject);
    const bed = new Standalone(dir, child, await promise, output);
    await bed.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NS } });
    return bed;
  }

  /** Everything the engine has printed. */
  get log(): string {
    return this.#output.join('\n');
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${this.#ready.httpPort}`;
  }

  get kubeconfig(): string {
    return this.#ready.kubeconfig;
  }

  async kubectl(...args: string[]): Promise<string> {
    return (await exec('kubectl', [`--kubeconfig=${this.kubeconfig}`, '-n', NS, ...args])).stdout;
  }

  /** kubectl with text on its standard input; its failure is an answer. */
  kubectlWith(input: string, ...args: string[]): Promise<ExecResult> {
    return exec('kubectl', [`--kubeconfig=${this.kubeconfig}`, ...args], { input, ok: [0, 1] });
  }

  async apply(...objects: object[]): Promise<void> {
    const input = objects.map((o) => JSON.stringify(o)).join('\n---\n');
    const { code, stderr } = await this.kubectlWith(input, 'apply', '-f', '-');
    if (code !== 0) throw new Error(stderr);
  }

  /** Merge patch of a host's spec: what a person does with `kubectl edit`. */
  async edit(name: string, spec: Record<string, unknown>): Promise<void> {
    await this.kubectl('patch', 'bmh', name, '--type=merge', '-p', JSON.stringify({ spec }));
  }

  async secret(name: string, stringData: Record<string, string>): Promise<void> {
    await this.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { namespace: NS, name }, stringData });
  }

  async events(name: string): Promise<Event[]> {
    const { items } = JSON.parse(await this.kubectl('get', 'events', '-o', 'json')) as { items: Event[] };
    return items.filter((e) => e.involvedObject.name === name);
  }

  async explain(name: string, ...more: string[]): Promise<string> {
    return (await exec(INGOT, ['explain', name, '--kubeconfig', this.kubeconfig, ...more])).stdout;
  }

  async logs(name: string): Promise<string> {
    return (await exec(INGOT, ['logs', name, '--data', path.join(this.dir, 'data')], { ok: [0, 1] })).stdout;
  }

  /** A machine with a BMC. Nothing is applied. */
  async machine(name: string, options: Pick<HostOptions, 'disks' | 'password'> = {}): Promise<SimHost> {
    const mac = `52:54:00:f0:${(this.#count++).toString(16).padStart(2, '0')}:01`;
    const hardware = { mac, uuid: randomUUID(), firmware: 'uefi' as const, disks: options.disks ?? [plainDisk()] };
    const machine = new SimMachine(hardware, (m) => this.#netboot(m));
    const host = { name, mac, machine, bmc: await startSimBmc(machine, options.password ?? PASSWORD) };
    this.#sims.push(host);
    return host;
  }

  /** The BareMetalHost of a machine, with `spec` laid over the defaults. */
  objectOf(host: SimHost, spec: SpecEdit = {}): object {
    return hostObject(host, spec);
  }

  /** A machine, its Secret and its BareMetalHost, applied. */
  async enrol(name: string, options: HostOptions = {}): Promise<SimHost> {
    const host = await this.machine(name, options);
    const { secret = { username: 'admin', password: options.password ?? PASSWORD } } = options;
    if (!('secret' in options) || options.secret !== undefined) await this.secret(`${name}-bmc`, secret);
    await this.apply(hostObject(host, options.spec));
    return host;
  }

  /** What a DHCP answer would send the machine to. */
  async #netboot(mac: string): Promise<string | undefined> {
    this.#signer ??= new UrlSigner(await readFile(path.join(this.dir, 'data/secret.key')));
    const signed = this.#signer.path(scriptScope(mac), 'script.ipxe', Date.now() + 60_000);
    return (await request('GET', `http://127.0.0.1:${this.#ready.httpPort}${signed}`)).body;
  }

  /** How often the BMCs of all machines were asked for the power state. */
  get powerReads(): number {
    return this.#sims.reduce((n, { machine }) => n + machine.powerReads, 0);
  }

  /** Ends the engine and waits until it is gone; the BMCs stay. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill(signal);
    await ended;
  }

  async close(): Promise<void> {
    await this.hosts.close();
    await Promise.all(
      this.#sims.map(async ({ machine, bmc }) => {
        await machine.cutPower();
        await bmc.close();
      }),
    );
    await this.end('SIGTERM');
    await rm(this.dir, { recursive: true, force: true });
  }
}

export function plainDisk(more: Partial<SimDisk> = {}): SimDisk {
  const size = { sizeBytes: 8 * 2 ** 30, logicalSectorBytes: 512 };
  return { name: '/dev/vda', serial: 'DISK0', rotational: false, ...size, ...more };
}

function hostObject(host: SimHost, spec: SpecEdit = {}): object {
  return {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BareMetalHost',
    metadata: { namespace: NS, name: host.name },
    spec: {
      online: true,
      bootMACAddress: host.mac,
      rootDeviceHints: { deviceName: '/dev/vda' },
      bmc: { address: `ipmi://127.0.0.1:${host.bmc.port}`, credentialsName: `${host.name}-bmc` },
      ...spec,
    },
  };
}
