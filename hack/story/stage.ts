import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { Deadline } from '../../src/core/deadline.ts';
import { exec } from '../../src/core/exec.ts';
import { pinoLogger } from '../../src/core/log-pino.ts';
import { CACHE_DIR, REPOSITORY, buildImage, labAccelerator } from '../../src/sim/builders.ts';
import { waitForConsole } from '../../src/sim/console-log.ts';
import { LAB_BRIDGE_ADDRESS } from '../../src/sim/lab-network.ts';
import { type Lab, type LabHost, startLab } from '../../src/sim/lab.ts';
import { startChild } from './children.ts';
import type { Display } from './display.ts';
import { type Engine, node, startEngine } from './engine.ts';
import { Follower } from './follow.ts';
import { Kubectl } from './kubectl.ts';
import type { DemoOptions } from './options.ts';
import type { WebEvent } from './web.ts';

/** Everything the story is played on. */
export interface Stage {
  lab: Lab;
  /** Machines to provision. */
  hosts: readonly LabHost[];
  /** The machine that runs something already. */
  existing: LabHost;
  /** Resolves when its operating system runs. */
  existingUp: Promise<void>;
  engine: Engine;
  kubectl: Kubectl;
  follower: Follower;
  web: { imageUrl: string; callbackUrl: string; events: WebEvent[] };
  image: { path: string; sha256: string };
  dir: string;
}

export const EXISTING = 'existing';
const WEB_PORT = 8090;
const IMAGE = 'disk.qcow2';

export interface Built {
  ramdisk: string;
  os: string;
  tiny: string;
}

/** Builds ramdisk and images, or finds them built. */
export async function build(options: DemoOptions, display: Display, signal: AbortSignal): Promise<Built> {
  display.say('building ramdisk and images (kept in .cache; the first time takes a minute or two)');
  const ramdisk = join(CACHE_DIR, 'ramdisk-out');
  const makeRamdisk = async () => {
    const argv = node(join(REPOSITORY, 'images', 'ramdisk', 'build.ts'), '--out', ramdisk);
    await exec(argv[0] ?? '', argv.slice(1), { signal });
  };
  const makeImages = async () => {
    // One after the other: both want the same kernel package.
    const tiny = await buildImage('demo-os/tiny/build', signal);
    return { tiny, os: options.os === 'tiny' ? tiny : await buildImage('demo-os/build', signal) };
  };
  const [images] = await Promise.all([makeImages(), makeRamdisk()]);
  return { ramdisk, ...images };
}

/** Where a demo keeps disks, consoles and logs. */
export function stageDir(options: DemoOptions): string {
  return join(REPOSITORY, '.lab', options.name);
}

/** Starts lab, web server and engine. Each is pushed to `closers` as soon as it is there. */
export async function setStage(
  options: DemoOptions,
  built: Built,
  display: Display,
  signal: AbortSignal,
  closers: (() => Promise<unknown>)[],
): Promise<Stage> {
  const dir = stageDir(options);
  await rm(dir, { recursive: true, force: true });
  await mkdir(join(dir, EXISTING), { recursive: true });
  await copyFile(join(built.tiny, 'disk.raw'), join(dir, EXISTING, 'disk0.raw'));

  const choice = await labAccelerator(systemClock);
  display.say(choice.reason);
  const { firmware, memoryMiB } = options;
  const names = [...Array(options.hosts).keys()].map((i) => `node-${i}`);
  const lab = await startLab({
    name: options.name,
    dir,
    hosts: [
      ...names.map((name) => ({ name, firmware, memoryMiB, cpus: 2 })),
      { name: EXISTING, firmware: 'bios' as const, memoryMiB: 256 },
    ],
    accelerator: choice.accelerator,
    clock: systemClock,
    log: pinoLogger('error'),
    random: Math.random,
  });
  closers.push(() => lab.close());
  signal.throwIfAborted();
  display.say(`lab is up: ${names.join(', ')} (${firmware}, powered off) and ${EXISTING}, each behind an IPMI BMC`);
  const existing = lab.hosts.at(-1);
  if (existing === undefined) throw new Error('the lab has no machines');
  const existingUp = startExisting(existing, signal);
  existingUp.catch(() => {});

  const image = { path: join(built.os, IMAGE), sha256: await imageDigest(built.os) };
  const web = await startWeb(lab, image.path, dir, closers);
  const engine = await startEngine(lab.network, dir, built.ramdisk, signal);
  closers.push(() => engine.child.stop(15_000));
  const kubectl = new Kubectl({ kubeconfig: engine.kubeconfig, log: join(dir, 'kubectl.log'), signal });
  closers.push(() => kubectl.close());
  const follower = new Follower(kubectl, display, signal);
  display.say(`ingot up is ready; export KUBECONFIG=${engine.kubeconfig}`);
  return { lab, hosts: lab.hosts.slice(0, -1), existing, existingUp, engine, kubectl, follower, web, image, dir };
}

/** A machine that somebody installed long ago: it runs before Ingot hears of it. */
async function startExisting(host: LabHost, signal: AbortSignal): Promise<void> {
  await host.machine.powerOn();
  using deadline = new Deadline(systemClock, `${host.name} to start its operating system`, 90_000, signal);
  await waitForConsole(host.consolePath, /TINY: ready/, { clock: systemClock, deadline });
}

async function imageDigest(dir: string): Promise<string> {
  const sums = await readFile(join(dir, 'SHA256SUMS'), 'utf8');
  const line = sums.split('\n').find((l) => l.endsWith(`  ${IMAGE}`));
  if (line === undefined) throw new Error(`${dir}/SHA256SUMS does not name ${IMAGE}`);
  return line.split(' ')[0] ?? '';
}

async function startWeb(
  lab: Lab,
  image: string,
  dir: string,
  closers: (() => Promise<unknown>)[],
): Promise<Stage['web']> {
  const events: WebEvent[] = [];
  let listening: () => void = () => {};
  const isListening = new Promise<void>((resolve) => (listening = resolve));
  const child = startChild(node(join(import.meta.dirname, 'web.ts'), LAB_BRIDGE_ADDRESS, String(WEB_PORT), image), {
    network: lab.network,
    log: join(dir, 'web.log'),
    onLine: (line) => {
      const event = JSON.parse(line) as WebEvent;
      events.push(event);
      if (event.event === 'listening') listening();
    },
  });
  closers.push(() => child.stop(1000));
  const died = child.exited.then(() => {
    throw new Error(`the demo's web server ended; see ${join(dir, 'web.log')}`);
  });
  died.catch(() => {});
  await Promise.race([isListening, died]);
  const base = `http://${LAB_BRIDGE_ADDRESS}:${WEB_PORT}`;
  return { imageUrl: `${base}/${basename(image)}`, callbackUrl: `${base}/callback`, events };
}

/** A word that cannot be guessed: what comes back with it has read the user data. */
export function nonce(): string {
  return randomBytes(6).toString('hex');
}
