import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { systemClock } from '../core/clock.ts';
import { errorCode, errorText } from '../core/errors.ts';
import { pinoLogger } from '../core/log-pino.ts';
import { labAccelerator } from '../sim/builders.ts';
import { type LabHostAccess, hostManifestsYaml } from '../sim/lab-manifests.ts';
import { LAB_RANGE } from '../sim/lab-network.ts';
import { sweepDeadLabs } from '../sim/lab-record.ts';
import { type Lab, type LabHost, startLab } from '../sim/lab.ts';
import { PERSONALITIES, personalityNamed } from '../sim/redfish/personalities/all.ts';
import type { Accelerator, Firmware } from '../sim/machine-spec.ts';
import { wholeNumber } from './whole-number.ts';

interface Options {
  name: string;
  hosts: number;
  firmware: Firmware;
  memory: number;
  cpus: number;
  disk: number;
  dir?: string;
  accel?: Accelerator;
  redfish?: string;
  json?: boolean;
  verbose?: boolean;
}

/** `ingot lab`: virtual machines behind IPMI BMCs, to try a provisioner on. */
export function labCommand(): Command {
  return new Command('lab')
    .description(
      'Run virtual machines, each behind an IPMI BMC, on a network of their own. Ends with Ctrl-C. Needs root.',
    )
    .addOption(new Option('--name <name>', 'name of the lab; its network namespace is ingot-NAME').default('lab'))
    .addOption(new Option('--hosts <n>', 'number of machines').default(1).argParser(wholeNumber(1, 32)))
    .addOption(new Option('--firmware <kind>', 'how they boot').choices(['bios', 'uefi']).default('uefi'))
    .addOption(new Option('--memory <MiB>', 'memory of each').default(1024).argParser(wholeNumber(64, 65536)))
    .addOption(new Option('--cpus <n>', 'processors of each').default(1).argParser(wholeNumber(1, 16)))
    .addOption(new Option('--disk <GiB>', 'disk of each, sparse').default(4).argParser(wholeNumber(1, 4096)))
    .option('--dir <dir>', 'folder for disks and consoles, kept at the end (default: a temporary one, removed)')
    .addOption(new Option('--accel <kind>', 'skip the probe for KVM').choices(['kvm', 'tcg']))
    .addOption(
      new Option('--redfish [personality]', 'a Redfish BMC beside the IPMI one, in manifests instead of it')
        .choices(PERSONALITIES.map((p) => p.name))
        .preset('plain'),
    )
    .option('--json', 'print what there is as one JSON line instead of manifests')
    .option('--verbose', 'log what the machines and BMCs do')
    .addHelpText(
      'after',
      `
The machines start switched off; their BMCs do the rest:
  ipmitool -I lanplus -C 17 -H 169.254.77.1 -p 6230 -U admin -P PASSWORD chassis power on

Provision them with an engine inside the lab's network (addresses are printed at the start):
  ip netns exec ingot-lab ingot up --data DIR --interface br0 --range ${LAB_RANGE} --api-address 169.254.77.2`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const stopped = new Promise<NodeJS.Signals>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, done);
  });
  const dir = options.dir === undefined ? await mkdtemp(join(tmpdir(), 'ingot-lab-')) : resolve(options.dir);
  try {
    const lab = await open(options, dir);
    try {
      print(lab, options, dir);
      await stopped;
      console.error('taking the lab down');
    } finally {
      await lab.close();
    }
  } catch (error) {
    console.error(
      options.json === true ? JSON.stringify({ error: errorCode(error), message: errorText(error) }) : errorText(error),
    );
    process.exitCode = 1;
  } finally {
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  }
}

async function open(options: Options, dir: string): Promise<Lab> {
  for (const name of await sweepDeadLabs()) console.error(`removed what lab ${name} had left behind`);
  const choice =
    options.accel === undefined
      ? await labAccelerator(systemClock)
      : { accelerator: options.accel, reason: 'as asked' };
  console.error(`${choice.accelerator}: ${choice.reason}`);
  return startLab({
    name: options.name,
    dir,
    hosts: [...Array(options.hosts).keys()].map((i) => ({
      name: `node-${i}`,
      firmware: options.firmware,
      memoryMiB: options.memory,
      cpus: options.cpus,
      disks: [{ sizeBytes: options.disk * 2 ** 30 }],
      ...(options.redfish === undefined ? {} : { redfish: personalityNamed(options.redfish) }),
    })),
    accelerator: choice.accelerator,
    clock: systemClock,
    log: pinoLogger(options.verbose === true ? 'debug' : 'warn'),
    random: Math.random,
  });
}

function print(lab: Lab, options: Options, dir: string): void {
  const { network, hosts } = lab;
  if (options.json === true) {
    const described = hosts.map((host) => ({ ...host, machine: undefined, redfish: undefined }));
    console.log(JSON.stringify({ name: lab.name, ...network, hosts: described }));
    return;
  }
  console.error(`network namespace ${network.namespace}: ${network.bridge} has ${network.bridgeAddress}/24`);
  console.error(`disks and consoles in ${dir}`);
  for (const host of hosts)
    console.error(
      `${host.name}: ${host.mac}, ${[host.bmcAddress, host.redfishAddress].filter((a) => a !== undefined).join(', ')}, console ${host.consolePath}`,
    );
  console.log(
    hosts
      .map((host) => hostManifestsYaml(byRedfish(host)))
      .join('')
      .trimEnd(),
  );
  console.error('Ctrl-C takes the lab down');
}

/** Manifests name one address: Redfish where there is one. */
function byRedfish(host: LabHost): LabHostAccess {
  if (host.redfishAddress === undefined) return host;
  const selfSigned = host.redfishAddress.startsWith('redfish:');
  return { ...host, bmcAddress: host.redfishAddress, ...(selfSigned ? { selfSigned } : {}) };
}
