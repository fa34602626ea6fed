/**
 * How long does it take to make a machine boot from the network by its BMC, verified? The chain is: set one-time
 * network boot, read it back, power on, read the power. Measured on OpenIPMI's ipmi_sim, with our client and with one
 * ipmitool process a command, which is how Ironic does it. Prints one JSON line.
 *
 * usage: hack/bench/bmc-chain.ts [ROUNDS]
 */
import assert from 'node:assert/strict';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { ipmitool, startIpmiSim } from '../../test/support/ipmi-peers.ts';

/** Ironic's default pause between two commands to one BMC, `[ipmi]min_command_interval`, s. */
const IRONIC_INTERVAL_S = 5;

const rounds = Number(process.argv[2] ?? 5);
const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const round3 = (n: number): number => Math.round(n * 1000) / 1000;

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

const peer = await startIpmiSim();
try {
  const ours: number[] = [];
  const oursOpen: number[] = [];
  const tool: number[] = [];
  let commands = 0;
  const signal = AbortSignal.timeout(600_000);
  const open = () =>
    openBmc({
      address: `ipmi://127.0.0.1:${peer.port}`,
      credentials: { username: 'admin', password: 'secret' },
      disableCertificateVerification: false,
      preferredSuite: 3,
      doors: { clock: systemClock, random: Math.random, log: silentLogger },
    });
  const off = async () => {
    const bmc = open();
    await bmc.setPower('off', signal);
    await bmc.close();
  };
  const chain = async (bmc: ReturnType<typeof open>) => {
    await bmc.setBootOverride({ device: 'pxe', persistence: 'once', firmware: 'uefi' }, signal);
    await bmc.setPower('on', signal);
  };
  for (let i = 0; i < rounds; i++) {
    await off();
    const bmc = open();
    // From nothing, login included; then once more with the session that is open by then, as in the engine.
    ours.push(await seconds(() => chain(bmc)));
    await bmc.setPower('off', signal);
    await new Promise((done) => setTimeout(done, 3000));
    oursOpen.push(await seconds(() => chain(bmc)));
    await bmc.close();

    await off();
    commands = 0;
    const run = async (command: string, expected: RegExp) => {
      const result = await ipmitool(peer.port, command, { suite: 3 });
      assert.match(result.text, expected, command);
      commands++;
    };
    tool.push(
      await seconds(async () => {
        await run('chassis bootdev pxe options=efiboot', /Set Boot Device to pxe/);
        await run('chassis bootparam get 5', /Force PXE/);
        await run('power on', /Up\/On/);
        await run('power status', /is on/);
      }),
    );
  }
  const paced = median(tool) + (commands - 1) * IRONIC_INTERVAL_S;
  const result = {
    bench: 'bmc-chain',
    rounds,
    ourSeconds: round3(median(ours)),
    ourSecondsSessionOpen: round3(median(oursOpen)),
    ipmitoolSeconds: round3(median(tool)),
    ipmitoolProcesses: commands,
    ipmitoolSecondsAtIronicPace: round3(paced),
    ratioToIpmitool: round3(median(tool) / median(ours)),
    ratioToIronicPace: round3(paced / median(ours)),
  };
  console.log(JSON.stringify(result));
} finally {
  await peer.close();
}
