/**
 * How long does it take to make a machine boot from the network by its BMC, verified? The chain is: set one-time
 * network boot, read it back, power on, read the power. Measured on OpenIPMI's ipmi_sim and on virtualbmc in front of a
 * machine of libvirt, with our client and with one ipmitool process a command, which is how Ironic does it. Ironic's
 * pauses between commands are not counted; they are told beside. Prints one JSON line for each BMC.
 *
 * usage: hack/bench/bmc-chain.ts [--only ipmi_sim|virtualbmc] [ROUNDS]     (virtualbmc needs root)
 */
import assert from 'node:assert/strict';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { ipmitool, startIpmiSim } from '../../test/support/ipmi-peers.ts';
import { testLab } from '../../test/support/lab.ts';
import { Libvirt } from '../../test/support/libvirt.ts';
import { Vbmc } from '../../test/support/vbmc.ts';

/** Ironic's default pause between two commands to one BMC, `[ipmi]min_command_interval`, s. */
const IRONIC_INTERVAL_S = 5;

/** The commands of Ironic for the same chain, and what each must say. */
const COMMANDS: readonly (readonly [string, RegExp])[] = [
  ['chassis bootdev pxe options=efiboot', /Set Boot Device to pxe/],
  ['chassis bootparam get 5', /Force PXE/],
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

function open({ host, port }: Place): Bmc {
  return openBmc({
    address: `ipmi://${host}:${port}`,
    credentials: { username: 'admin', password: 'secret' },
    disableCertificateVerification: false,
    preferredSuite: 3,
    doors: { clock: systemClock, random: Math.random, log: silentLogger },
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
  for (let i = 0; i < rounds; i++) {
    await off(place);
    const bmc = open(place);
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
    ratioToIpmitool: round3(median(tool) / median(ours)),
    ratioToIpmitoolSessionOpen: round3(median(tool) / median(oursOpen)),
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
