import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { plausibleModel } from '../ipmi/server-model.ts';
import { startIpmiServer } from '../ipmi/server.ts';
import { simErrors } from './errors.ts';
import { FIRST_BMC_PORT, type LabHostOptions, labMachine } from './lab-hosts.ts';
import type { LabHostAccess } from './lab-manifests.ts';
import { type LabNetwork, createLabNetwork, removeLabNetwork, startLabRouter } from './lab-network.ts';
import { dropLabRecord, listLabs, processStart, sweepDeadLabs, writeLabRecord } from './lab-record.ts';
import { machineChassis } from './machine-chassis.ts';
import type { Accelerator } from './machine-spec.ts';
import { Machine } from './machine.ts';
import { MachineSerial } from './machine-serial.ts';
import { consolePath } from './qemu-args.ts';
import { qemuMachine } from './redfish/qemu-machine.ts';
import { type RedfishSimulator, redfishAddressOf, startRedfishBmc } from './redfish/server.ts';

export interface LabOptions {
  /** 1 to 20 of a-z, 0-9, dash; the namespace is `ingot-NAME`. */
  name: string;
  /** Holds a folder per machine; kept when the lab goes. */
  dir: string;
  hosts: readonly LabHostOptions[];
  accelerator: Accelerator;
  clock: Clock;
  log: Logger;
  random: () => number;
  /** Default `admin`. */
  username?: string;
  /** Default: made for this lab. At most 20 bytes (IPMI). */
  password?: string;
  /** A router that sends IPv6 advertisements, default true. Without it network boots wait some 13 s longer. */
  router?: boolean;
}

export interface LabHost extends LabHostAccess {
  uuid: string;
  consolePath: string;
  /** Disk files, boot disk first. */
  diskPaths: readonly string[];
  /** For faults and for looking behind the BMC's back. */
  machine: Machine;
  /** The IPMI BMC restarts and hears nothing for so many ms; the machine goes on. */
  restartBmc(silentMs: number): void;
  /** `spec.bmc.address` by Redfish, where it was asked for; the same machine as behind `bmcAddress`. */
  redfishAddress?: string;
  redfish?: RedfishSimulator;
}

export interface Lab {
  name: string;
  network: LabNetwork;
  hosts: readonly LabHost[];
  /** Ends machines, BMCs and every process in the namespace, then removes the network. Never throws; safe to call twice. */
  close(): Promise<void>;
}

const LAB_NAME = /^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$/;

/**
 * Starts virtual machines, powered off, each behind an IPMI BMC, on a network of their own. Everything goes when this
 * process goes, in order by `close()`, or by the next lab's sweep if it was killed.
 * @throws SIM_LAB_NAME, SIM_LAB_RUNNING, SIM_LAB_CROWDED, SIM_NEEDS_ROOT, EXEC_FAILED
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  if (!LAB_NAME.test(options.name)) throw simErrors.make('SIM_LAB_NAME', `"${options.name}" is no name for a lab`);
  if (process.getuid?.() !== 0) throw simErrors.make('SIM_NEEDS_ROOT', 'a lab needs root');
  await claim(options);
  const closers: (() => Promise<unknown> | void)[] = [];
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= closeAll(closers, options.log));
  try {
    return await build(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** Makes sure that no living lab has the name, and that dead ones are out of the way. */
async function claim(options: LabOptions): Promise<void> {
  for (const name of await sweepDeadLabs()) options.log.info('removed what a killed lab had left', { lab: name });
  const twin = (await listLabs()).find((lab) => lab.record.name === options.name);
  if (twin !== undefined)
    throw simErrors.make('SIM_LAB_RUNNING', `lab ${options.name} runs already, process ${twin.record.pid}`);
}

async function build(options: LabOptions, closers: (() => Promise<unknown> | void)[], close: () => Promise<void>) {
  const namespace = `ingot-${options.name}`;
  const record = {
    name: options.name,
    namespace,
    pid: process.pid,
    startedTicks: (await processStart(process.pid)) ?? '',
  };
  await mkdir(options.dir, { recursive: true });
  await writeLabRecord(record);
  closers.push(() => dropLabRecord(options.name));
  let hostInterface: string | undefined;
  closers.push(async () => {
    const problems = await removeLabNetwork(namespace, hostInterface);
    for (const problem of problems) options.log.warn('lab network not fully removed', { problem });
  });
  const network = await createLabNetwork(namespace, options.hosts.length);
  hostInterface = network.hostInterface;
  await writeLabRecord({ ...record, hostInterface });
  if (options.router !== false) closers.push(startLabRouter(network).stop);

  const password = options.password ?? randomBytes(8).toString('hex');
  const hosts: LabHost[] = [];
  for (const [index, host] of options.hosts.entries()) {
    const access = { username: options.username ?? 'admin', password, port: FIRST_BMC_PORT + index };
    hosts.push(await startHost(options, network, host, index, access, closers));
  }
  return { name: options.name, network, hosts, close };
}

async function startHost(
  options: LabOptions,
  network: LabNetwork,
  host: LabHostOptions,
  index: number,
  access: { username: string; password: string; port: number },
  closers: (() => Promise<unknown> | void)[],
): Promise<LabHost> {
  const { clock, log, random, accelerator } = options;
  const lab = { name: options.name, dir: options.dir, namespace: network.namespace };
  const spec = labMachine(lab, host, network.taps[index] ?? '');
  const machine = await Machine.open(spec, { accelerator, clock, log });
  closers.push(() => machine.close());
  const users = [{ name: access.username, password: access.password, privilege: 'administrator' }] as const;
  const bmc = await startIpmiServer({
    address: network.hostAddress,
    port: access.port,
    users,
    model: plausibleModel({ clock, users, product: 'Virtual machine', serialNumber: spec.name }),
    serial: new MachineSerial(machine, clock),
    guid: Buffer.from(spec.uuid.replaceAll('-', ''), 'hex'),
    chassis: machineChassis(machine),
    deviceId: { deviceId: 0x20, manufacturerId: 0, productId: 0 },
    clock,
    random,
    log: log.child({ bmc: spec.name }),
  });
  closers.push(() => bmc.close());
  const redfish = await startRedfish(options, network, host, machine, access);
  closers.push(() => redfish?.redfish.close());
  return {
    name: spec.name,
    uuid: spec.uuid,
    firmware: spec.firmware,
    mac: spec.nics[0]?.mac ?? '',
    bmcAddress: `ipmi://${network.hostAddress}:${access.port}`,
    username: access.username,
    password: access.password,
    diskSerial: spec.disks[0]?.serial ?? '',
    consolePath: consolePath(spec),
    diskPaths: spec.disks.map((disk) => disk.path),
    machine,
    restartBmc: (silentMs) => bmc.restart(silentMs),
    ...redfish,
  };
}

/** The Redfish BMC has the number of the IPMI port, in TCP. */
async function startRedfish(
  options: LabOptions,
  network: LabNetwork,
  host: LabHostOptions,
  machine: Machine,
  access: { username: string; password: string; port: number },
): Promise<{ redfish: RedfishSimulator; redfishAddress: string } | undefined> {
  const personality = host.redfish;
  if (personality === undefined) return undefined;
  const redfish = await startRedfishBmc({
    random: Math.random,
    personality,
    machine: qemuMachine(machine),
    address: network.hostAddress,
    ...access,
    clock: options.clock,
    log: options.log.child({ redfish: host.name }),
  });
  return { redfish, redfishAddress: redfishAddressOf(redfish) };
}

/** Last made, first taken down. One failure does not keep the rest from going. */
async function closeAll(closers: (() => Promise<unknown> | void)[], log: Logger): Promise<void> {
  for (const closer of closers.toReversed()) {
    try {
      await closer();
    } catch (error) {
      log.warn('lab clean-up step failed', { error: errorText(error) });
    }
  }
}

/** The command line that runs `argv` inside the lab's namespace. It ends when this process ends. */
export function insideLab(network: LabNetwork, argv: readonly string[]): [string, ...string[]] {
  return ['setpriv', '--pdeathsig', 'KILL', 'ip', 'netns', 'exec', network.namespace, ...argv];
}
