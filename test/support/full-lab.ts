/** Everything of a real site for whole-machine tests: machines behind BMCs, the engine as a process of its own, kubectl. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { startChild } from '../../hack/story/children.ts';
import { Display } from '../../hack/story/display.ts';
import { type Engine, node, startEngine } from '../../hack/story/engine.ts';
import { Follower } from '../../hack/story/follow.ts';
import { Kubectl } from '../../hack/story/kubectl.ts';
import { buildRamdisk } from '../../images/ramdisk/build.ts';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import type { HostProgress, HostProgressStatus } from '../../src/api/hostprogress.ts';
import { systemClock } from '../../src/core/clock.ts';
import { errorText } from '../../src/core/errors.ts';
import { exec } from '../../src/core/exec.ts';
import { memoryLogger } from '../../src/core/log.ts';
import { CACHE_DIR, REPOSITORY, buildImage, labAccelerator } from '../../src/sim/builders.ts';
import { readConsole } from '../../src/sim/console-log.ts';
import type { LabHostOptions } from '../../src/sim/lab-hosts.ts';
import { type LabHostAccess, type ManifestOptions, hostManifestsYaml } from '../../src/sim/lab-manifests.ts';
import { processStart } from '../../src/sim/lab-record.ts';
import { type Lab, type LabHost, startLab } from '../../src/sim/lab.ts';
import { Outside } from './outside.ts';
import { ServedBytes } from './served-bytes.ts';

/** A machine as tests of the whole see it: how a provisioner reaches it, and where to look behind its back. */
export interface SiteMachine extends LabHostAccess {
  consolePath: string;
  /** Boot disk first. */
  diskPaths: readonly string[];
  /** The lab's own machines. */
  machine?: { observe(): unknown };
}

/** Machines that are not the lab's own. */
export interface OtherMachines {
  machines: readonly SiteMachine[];
  close(): Promise<unknown>;
}

export interface FullLabOptions {
  /** Machines; `disk` is copied to the machine's boot disk before it is made. */
  hosts: readonly (LabHostOptions & { disk?: string })[];
  /** Image files by the name a test calls them. Each gets a web server of its own. */
  images: Readonly<Record<string, string>>;
  /** Starts machines with BMCs that are not ours in the lab's network, with their files in a folder. */
  others?: (lab: Lab, dir: string) => Promise<OtherMachines>;
  /** Arguments of `ingot up` that say who gives addresses; default: it does. */
  dhcp?: readonly string[];
  /** More arguments of `ingot up`. */
  up?: readonly string[];
}

export interface BuiltImages {
  ramdisk: string;
  tinyRaw: string;
  tinyQcow2: string;
}

/** Builds what whole-machine tests boot, or finds it built. */
export async function buildForTests(): Promise<BuiltImages> {
  const ramdisk = join(CACHE_DIR, 'ramdisk-out');
  await buildRamdisk({ outDir: ramdisk, cacheDir: join(CACHE_DIR, 'ramdisk'), log: () => {} });
  const tiny = await buildImage('demo-os/tiny/build');
  return { ramdisk, tinyRaw: join(tiny, 'disk.raw'), tinyQcow2: join(tiny, 'disk.qcow2') };
}

export class FullLab {
  readonly dir: string;
  readonly lab: Lab;
  readonly #others: readonly SiteMachine[];
  readonly kubectl: Kubectl;
  readonly images: ReadonlyMap<string, Outside>;
  /** Bytes that the engine sent to machines by HTTP: counted by the kernel, so they survive the engine. */
  readonly served: ServedBytes;
  readonly #follower: Follower;
  readonly #ramdisk: string;
  readonly #up: readonly string[];
  readonly #story: string[];
  readonly #closers: (() => Promise<unknown>)[];
  readonly #signal: AbortSignal;
  /** The part that failed, by story. */
  readonly #failed = new Map<string, string>();
  #engine: Engine;

  private constructor(parts: {
    dir: string;
    lab: Lab;
    others: readonly SiteMachine[];
    images: ReadonlyMap<string, Outside>;
    served: ServedBytes;
    engine: Engine;
    ramdisk: string;
    up: readonly string[];
    story: string[];
    closers: (() => Promise<unknown>)[];
    signal: AbortSignal;
  }) {
    this.dir = parts.dir;
    this.lab = parts.lab;
    this.#others = parts.others;
    this.images = parts.images;
    this.served = parts.served;
    this.#engine = parts.engine;
    this.#ramdisk = parts.ramdisk;
    this.#up = parts.up;
    this.#story = parts.story;
    this.#closers = parts.closers;
    this.#signal = parts.signal;
    const { kubeconfig } = parts.engine;
    this.kubectl = new Kubectl({ kubeconfig, log: join(parts.dir, 'kubectl.log'), signal: parts.signal });
    parts.closers.push(() => this.kubectl.close());
    parts.closers.push(() => this.#engine.child.stop(15_000));
    this.#follower = new Follower(this.kubectl, new Display(collector(parts.story)), parts.signal);
  }

  /** Removes what killed tests have left, then starts machines (powered off), web servers and the engine. */
  static async start(built: BuiltImages, options: FullLabOptions): Promise<FullLab> {
    const dir = await labFolder();
    const closers: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
    const stop = new AbortController();
    try {
      for (const { name, disk } of options.hosts) {
        await mkdir(join(dir, name), { recursive: true });
        if (disk !== undefined) await copyFile(disk, join(dir, name, 'disk0.raw'));
      }
      const lab = await startLab({
        name: `e2e-${process.pid}`,
        dir,
        hosts: options.hosts,
        accelerator: (await labAccelerator(systemClock)).accelerator,
        clock: systemClock,
        log: memoryLogger([]),
        random: Math.random,
      });
      closers.push(() => lab.close());
      const others = await options.others?.(lab, dir);
      if (others !== undefined) closers.push(() => others.close());
      const served = await ServedBytes.start(lab.network);
      const images = new Map<string, Outside>();
      for (const [name, file] of Object.entries(options.images)) {
        const outside = await Outside.start(lab.network, dir, file, FIRST_WEB_PORT + images.size);
        closers.push(() => outside.close());
        images.set(name, outside);
      }
      const { ramdisk } = built;
      const { up = [] } = options;
      const engine = await startEngine(lab.network, dir, ramdisk, stop.signal, up, options.dhcp);
      closers.push(() => Promise.resolve(stop.abort(new Error('the test is over'))));
      const story: string[] = [];
      const machines = others?.machines ?? [];
      const parts = { dir, lab, others: machines, images, served, engine, ramdisk, up, story, closers };
      return new FullLab({ ...parts, signal: stop.signal });
    } catch (error) {
      const log = await readFile(join(dir, 'engine.log'), 'utf8').catch(() => '');
      await closeAll(closers);
      throw new Error(`the lab did not start: ${errorText(error)}\n${log.slice(-3000)}`, { cause: error });
    }
  }

  /**
   * A test of one part of a story, in order. When it fails, what is known of the machines is printed, and the story's
   * later parts fail at once instead of waiting for what cannot come.
   */
  static test(
    lab: () => FullLab | undefined,
    story: string,
    name: string,
    seconds: number,
    work: (lab: FullLab) => Promise<void>,
  ): void {
    test(name, { timeout: seconds * 1000 }, async () => {
      const it = lab();
      if (it === undefined) throw new Error('the lab did not start');
      const broken = it.#failed.get(story);
      if (broken !== undefined) assert.fail(new NotTried(`not tried, because "${broken}" failed`));
      const started = performance.now();
      try {
        await work(it);
      } catch (error) {
        it.#failed.set(story, name);
        process.stderr.write(`${await it.#report(errorText(error))}\n`);
        throw error;
      }
      const took = ((performance.now() - started) / 1000).toFixed(1);
      it.#story.push(`passed in ${took} s: ${name}\n`);
    });
  }

  /** One of the lab's own machines. */
  host(name: string): LabHost {
    const host = this.lab.hosts.find((h) => h.name === name);
    if (host === undefined) throw new Error(`the lab has no ${name}`);
    return host;
  }

  /** Any machine, the lab's own or not. */
  machine(name: string): SiteMachine {
    return this.#others.find((m) => m.name === name) ?? this.host(name);
  }

  /** The file behind a machine's boot disk. */
  disk(name: string): string {
    return this.machine(name).diskPaths[0] ?? '';
  }

  image(name: string): Outside {
    const image = this.images.get(name);
    if (image === undefined) throw new Error(`there is no image ${name}`);
    return image;
  }

  get metrics(): () => Promise<string> {
    return this.#engine.metrics;
  }

  async enrol(name: string, options: ManifestOptions = {}): Promise<void> {
    await this.kubectl.apply(hostManifestsYaml(this.machine(name), options));
  }

  async patch(name: string, spec: Record<string, unknown>): Promise<void> {
    await this.kubectl.run(['patch', 'bmh', name, '--type=merge', '-p', JSON.stringify({ spec })]);
  }

  /** spec.image for one of the lab's images. */
  spec(name: string): { url: string; checksum: string; checksumType: string; format: string } {
    const { url, sha256, file } = this.image(name);
    return { url, checksum: sha256, checksumType: 'sha256', format: file.endsWith('.qcow2') ? 'qcow2' : 'raw' };
  }

  /**
   * Waits, on what kubectl's watches bring, until `done` holds. The same error three times over ends the wait too.
   * @returns the host as it was then
   */
  async until(
    name: string,
    what: string,
    seconds: number,
    done: (host: BareMetalHost, progress: HostProgressStatus) => boolean,
  ): Promise<BareMetalHost> {
    let seen: BareMetalHost | undefined;
    await this.#follower.until(name, what, seconds, (host) => {
      seen = host;
      return done(host, this.#follower.progress(name)?.status ?? {});
    });
    if (seen === undefined) throw new Error(`${name} was never seen`);
    return seen;
  }

  untilState(name: string, state: string, seconds: number): Promise<BareMetalHost> {
    return this.until(name, state, seconds, (h) => h.status?.provisioning.state === state);
  }

  /** As it is in the API now, not as it was last seen. */
  async progress(name: string): Promise<HostProgressStatus> {
    return (await this.kubectl.get<HostProgress>('hostprogress', name)).status ?? {};
  }

  /** Ends the engine as a power cut would. */
  async killEngine(): Promise<void> {
    this.#engine.child.process.kill('SIGKILL');
    await this.#engine.child.exited;
  }

  /** Asks it to end. @returns its exit code */
  async stopEngine(): Promise<number | null> {
    this.#engine.child.process.kill('SIGTERM');
    return this.#engine.child.exited;
  }

  async startEngine(dhcp?: readonly string[]): Promise<void> {
    this.#engine = await startEngine(this.lab.network, this.dir, this.#ramdisk, this.#signal, this.#up, dhcp);
  }

  async engineLog(): Promise<string> {
    return readFile(join(this.dir, 'engine.log'), 'utf8').catch(() => '');
  }

  async explain(name: string): Promise<string> {
    const [program, ...args] = this.ingot('explain', name, '--timeline');
    return (await exec(program, args, { ok: [0, 1] })).stdout;
  }

  /** What a person types, with the engine's kubeconfig. */
  ingot(...command: string[]): [string, ...string[]] {
    const { kubeconfig } = this.#engine;
    const [program = '', ...args] = node(join(REPOSITORY, 'src/cli/main.ts'), ...command, '--kubeconfig', kubeconfig);
    return [program, ...args];
  }

  /** Starts a program in the lab's network that ends with the lab. @returns what reads its standard error so far */
  run(program: string, args: readonly string[], onLine: (line: string) => void): () => string {
    const log = join(this.dir, `${program}-${this.#closers.length}.log`);
    const child = startChild([program, ...args], { network: this.lab.network, log, onLine });
    this.#closers.push(() => child.stop(1000));
    return () => readFileSync(log, 'utf8');
  }

  /** Makes a machine's network cable slow, without losing packets; undefined makes it fast again. In bit/s. */
  async slowLine(name: string, bitsPerSecond: number | undefined): Promise<void> {
    const tap = this.lab.network.taps[this.lab.hosts.indexOf(this.host(name))] ?? '';
    const tc = ['-n', this.lab.network.namespace, 'qdisc'];
    if (bitsPerSecond === undefined) await exec('tc', [...tc, 'del', 'dev', tap, 'root']);
    else {
      const shape = ['rate', `${bitsPerSecond}bit`, 'burst', '256kb', 'limit', '64mb'];
      await exec('tc', [...tc, 'replace', 'dev', tap, 'root', 'tbf', ...shape]);
    }
  }

  /** Adds a line to the story, for figures that people want to see. */
  note(text: string): void {
    this.#story.push(`${text}\n`);
  }

  /** What happened so far, with seconds: for the log of a test run. */
  get story(): string {
    return this.#story.join('');
  }

  async close(): Promise<void> {
    await closeAll(this.#closers);
  }

  async #report(why: string): Promise<string> {
    const parts = [`### ${why}`, '### story', this.story];
    const machines: readonly SiteMachine[] = [...this.lab.hosts, ...this.#others];
    for (const host of machines) {
      const { text } = await readConsole(host.consolePath);
      if (text === '') continue;
      parts.push(`### ${host.name}: ${JSON.stringify(host.machine?.observe() ?? host.bmcAddress)}`);
      parts.push(await this.explain(host.name).catch(errorText));
      parts.push(await this.kubectl.run(['get', 'bmh', host.name, '-o', 'yaml']).catch(errorText));
      parts.push(`### console of ${host.name}`, text.split('\n').slice(-25).join('\n'));
    }
    parts.push('### engine', (await this.engineLog()).split('\n').slice(-40).join('\n'));
    return parts.join('\n');
  }
}

/** Without a stack: there may be many of them, and nothing went wrong there. */
class NotTried extends Error {
  constructor(message: string) {
    super(message);
    this.stack = message;
  }
}

const FIRST_WEB_PORT = 8090;

/** This process's folder: goes when the lab is closed, or when the next one starts. */
export async function labFolder(): Promise<string> {
  await sweepFolders();
  const dir = join(tmpdir(), `ingot-e2e-${process.pid}-${await processStart(process.pid)}`);
  await mkdir(dir, { recursive: true });
  return dir;
}

/** Folders of test processes that are gone. Their networks and machines are swept by the next lab that starts. */
async function sweepFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, pid, ticks] = /^ingot-e2e-(\d+)-(\d+)$/.exec(name) ?? [];
    if (pid === undefined || (await processStart(Number(pid))) === ticks) continue;
    await rm(join(tmpdir(), basename(name)), { recursive: true, force: true });
  }
}

function collector(lines: string[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString('utf8'));
      done();
    },
  });
}

async function closeAll(closers: (() => Promise<unknown>)[]): Promise<void> {
  for (const closer of closers.toReversed()) await closer().catch((error: unknown) => console.error(errorText(error)));
}
