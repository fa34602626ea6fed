/**
 * From power-on to the agent's registration: by network through Ingot (DHCP, TFTP or HTTP, iPXE, kernel, ramdisk), against
 * the same ramdisk booted directly (`-kernel`). Both ways in turn, so that a busy host is equally unfair to both.
 * `sudo node hack/bench/network-boot.ts [--runs N] [--memory MIB] [--firmware bios|uefi] [--json]`
 */
import { parseArgs } from 'node:util';
import { readFileSync } from 'node:fs';
import { systemClock } from '../../src/core/clock.ts';
import { Deadline } from '../../src/core/deadline.ts';
import { waitForConsole } from '../../src/sim/console-log.ts';
import type { Firmware } from '../../src/sim/machine-spec.ts';
import { FullLab, buildForTests } from '../../test/support/full-lab.ts';
import { type RegisterTiming, directBoot, measure } from './ramdisk.ts';

const PATIENCE_MS = 300_000;

/** Boots one machine of a lab, which must be new to the engine. */
export async function networkBoot(lab: FullLab, name: string): Promise<RegisterTiming> {
  const { machine, consolePath } = lab.host(name);
  await lab.enrol(name);
  using deadline = new Deadline(systemClock, `${name} to register`, PATIENCE_MS);
  const pattern = /registered as host .*secondsSinceKernelStart=([\d.]+)/;
  const [, uptime] = await waitForConsole(consolePath, pattern, { clock: systemClock, deadline });
  const now = systemClock.now();
  const { poweredOnAt = now, pid = 0 } = machine.observe();
  const timing = {
    registeredSeconds: (now - poweredOnAt) / 1000,
    uptimeSeconds: Number(uptime),
    cpuSeconds: cpuSeconds(pid),
  };
  await lab.kubectl.run(['delete', 'bmh', name, '--timeout=60s']);
  return timing;
}

/** CPU seconds that a process has used (proc(5), fields 14 and 15, in ticks of 10 ms). */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function summary(timings: readonly RegisterTiming[]) {
  return {
    registeredSeconds: median(timings.map((t) => t.registeredSeconds)),
    cpuSeconds: median(timings.map((t) => t.cpuSeconds)),
    runs: timings.map((t) => t.registeredSeconds),
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '3' },
      memory: { type: 'string', default: '768' },
      firmware: { type: 'string', default: 'bios' },
      json: { type: 'boolean', default: false },
    },
  });
  const [runs, memoryMiB] = [Number(values.runs), Number(values.memory)];
  const firmware: Firmware = values.firmware === 'uefi' ? 'uefi' : 'bios';
  const names = Array.from({ length: runs }, (_, i) => `node-${i}`);
  const built = await buildForTests();
  const lab = await FullLab.start(built, { hosts: names.map((name) => ({ name, firmware, memoryMiB })), images: {} });
  const direct: RegisterTiming[] = [];
  const network: RegisterTiming[] = [];
  try {
    for (const name of names) {
      direct.push(await measure(directBoot(built.ramdisk, memoryMiB), 1));
      network.push(await networkBoot(lab, name));
    }
  } finally {
    await lab.close();
  }
  const [d, n] = [summary(direct), summary(network)];
  const ratio = n.registeredSeconds / d.registeredSeconds;
  const cpuRatio = n.cpuSeconds / d.cpuSeconds;
  const report = { bench: 'network-boot', firmware, memoryMib: memoryMiB, direct: d, network: n, ratio, cpuRatio };
  if (values.json) console.log(JSON.stringify(report));
  else {
    const line = (what: string, s: typeof d) =>
      console.log(
        `${what}: ${s.registeredSeconds.toFixed(1)} s (runs: ${s.runs.map((r) => r.toFixed(1)).join(', ')}; CPU ${s.cpuSeconds.toFixed(1)} s)`,
      );
    line('direct', d);
    line(`network, ${firmware}`, n);
    console.log(`ratio ${ratio.toFixed(2)} (by CPU time of the emulator ${cpuRatio.toFixed(2)}); goal 1.60`);
  }
}

if (import.meta.main) await main();
