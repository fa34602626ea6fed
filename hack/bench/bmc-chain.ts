/**
 * How long does it take to make a machine boot from the network by its BMC, verified? The chain is: keep the boot flags
 * past 60 s, set one-time network boot, read it back, look at the power, power on, read the power. Measured on OpenIPMI's
 * ipmi_sim and on virtualbmc in front of a machine of libvirt, with our client and with one ipmitool process a command,
 * which is how Ironic does it. Ironic's pauses between commands are not counted; they are told beside.
 *
 * A BMC answers "power on" once the machine has started, which on virtualbmc takes libvirt longer than everything else
 * together. That time is the same for every client: it is taken from the answer's own exchange and told, and so are the
 * ratio without it and the most that a client which needs no time at all could reach. Prints one JSON line for each BMC.
 *
 * usage: hack/bench/bmc-chain.ts [--only ipmi_sim|virtualbmc] [ROUNDS]     (virtualbmc needs root)
 */
import assert from 'node:assert/strict';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { Trace } from '../../src/core/trace.ts';
import { ipmitool, startIpmiSim } from '../../test/support/ipmi-peers.ts';
import { testLab } from '../../test/support/lab.ts';
import { Libvirt } from '../../test/support/libvirt.ts';
import { Vbmc } from '../../test/support/vbmc.ts';

/** Ironic's default pause between two commands to one BMC, `[ipmi]min_command_interval`, s. */
const IRONIC_INTERVAL_S = 5;

/**
 * The commands of Ironic for the same chain, and what each must say: set_boot_device of a UEFI machine sends two raw
 * commands, a change of power looks before and after (ironic drivers/modules/ipmitool.py, conductor/utils.py). The
 * boot device is read back by its get_boot_device.
 */
const COMMANDS: readonly (readonly [string, RegExp])[] = [
  ['raw 0x00 0x08 0x03 0x08', /^\s*$/],
  ['raw 0x00 0x08 0x05 0xa0 0x04 0x00 0x00 0x00', /^\s*$/],
  ['chassis bootparam get 5', /Force PXE/],
  ['power status', /is off/],
  ['power on', /Up\/On/],
  ['power status', /is on/],
];

const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const round3 = (n: number): number => Math.round(n * 1000) / 1000;
const signal = AbortSignal.timeout(600_000);

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

interface Place {
  name: string;
  host: string;
  port: number;
}

function open({ host, port }: Place, trace?: Trace): Bmc {
  return openBmc({
    address: `ipmi://${host}:${port}`,
    credentials: { username: 'admin', password: 'secret' },
    disableCertificateVerification: false,
    preferredSuite: 3,
    doors: { clock: systemClock, random: Math.random, log: silentLogger, ...(trace === undefined ? {} : { trace }) },
  });
}

async function chain(bmc: Bmc): Promise<void> {
  await bmc.setBootOverride({ device: 'pxe', persistence: 'once', firmware: 'uefi' }, signal);
  await bmc.setPower('on', signal);
}

async function off(place: Place): Promise<void> {
  const bmc = open(place);
  await bmc.setPower('off', signal);
  await bmc.close();
}

async function measure(place: Place, rounds: number): Promise<void> {
  const ours: number[] = [];
  const oursOpen: number[] = [];
  const tool: number[] = [];
  const starts: number[] = [];
  const trace: Trace = (exchange) => {
    if ('command' in exchange && exchange.command === 'Chassis Control power-up')
      starts.push(Number(exchange['ms']) / 1000);
  };
  for (let i = 0; i < rounds; i++) {
    await off(place);
    const bmc = open(place, trace);
    // From nothing, login included; then once more with the session that is open by then, as in the engine.
    ours.push(await seconds(() => chain(bmc)));
    await bmc.setPower('off', signal);
    oursOpen.push(await seconds(() => chain(bmc)));
    await bmc.close();

    await off(place);
    const start = performance.now();
    for (const [command, expected] of COMMANDS) {
      const result = await ipmitool(place.port, command, { suite: 3, host: place.host });
      assert.match(result.text, expected, command);
    }
    tool.push((performance.now() - start) / 1000);
  }
  assert.equal(starts.length, 2 * rounds);
  const start = median(starts);
  const paced = median(tool) + (COMMANDS.length - 1) * IRONIC_INTERVAL_S;
  const result = {
    bench: 'bmc-chain',
    bmc: place.name,
    rounds,
    ourSeconds: round3(median(ours)),
    ourSecondsSessionOpen: round3(median(oursOpen)),
    ipmitoolSeconds: round3(median(tool)),
    ipmitoolProcesses: COMMANDS.length,
    ipmitoolSecondsAtIronicPace: round3(paced),
    machineStartSeconds: round3(start),
    ratioToIpmitool: round3(median(tool) / median(ours)),
    ratioToIpmitoolSessionOpen: round3(median(tool) / median(oursOpen)),
    ratioWithoutMachineStart: round3((median(tool) - start) / (median(ours) - start)),
    ratioOfClientWithoutCost: round3(median(tool) / start),
    ratioToIronicPace: round3(paced / median(ours)),
  };
  console.log(JSON.stringify(result));
}

async function onIpmiSim(rounds: number): Promise<void> {
  const peer = await startIpmiSim();
  try {
    await measure({ name: 'ipmi_sim', host: '127.0.0.1', port: peer.port }, rounds);
  } finally {
    await peer.close();
  }
}

async function onVirtualbmc(rounds: number): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const lab = await testLab([]);
  stack.defer(() => lab.close());
  const domains = [{ name: 'node', firmware: 'bios', memoryMiB: 64, diskBytes: 2 ** 24 }] as const;
  const libvirt = await Libvirt.start({ network: lab.lab.network, dir: lab.dir, lab: lab.lab.name, domains });
  stack.defer(() => libvirt.close());
  const vbmc = await Vbmc.start(libvirt);
  stack.defer(() => vbmc.close());
  const [host = '', port = ''] = vbmc.endpoint('node').split(':');
  await measure({ name: 'virtualbmc', host, port: Number(port) }, rounds);
}

const args = process.argv.slice(2);
const only = args[0] === '--only' ? args.splice(0, 2)[1] : undefined;
const rounds = Number(args[0] ?? 5);
if (only !== 'virtualbmc') await onIpmiSim(rounds);
if (only !== 'ipmi_sim') await onVirtualbmc(rounds);
