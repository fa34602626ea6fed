/**
 * Memory and CPU time of an idle engine: a real `ingot up` with hosts that run their OS, whose power it polls.
 *
 *   hack/bench/rss.ts [--hosts 40] [--seconds 60]
 *
 * Prints one JSON line. `bareMiB` is the same Node with the same modules loaded and nothing started. The limit is half of
 * what the same job takes with Ironic when idle: a conductor of about 340 MB and an API worker of about 270 MB, without
 * its database. Ends with 1 when that is not met.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Standalone } from '../../test/support/standalone.ts';

const IRONIC_MIB = (340e6 + 270e6) / 2 ** 20;
const LIMIT_RATIO = 0.5;
const TICKS_PER_SECOND = 100;

const { values } = parseArgs({
  options: { hosts: { type: 'string', default: '40' }, seconds: { type: 'string', default: '60' } },
});
const hosts = Number(values.hosts);
const seconds = Number(values.seconds);

const bed = await Standalone.start(['--log-level', 'info']);
try {
  for (let i = 0; i < hosts; i++) await bed.enrol(`node-${i}`, { spec: { externallyProvisioned: true } });
  for (let i = 0; i < hosts; i++) await bed.hosts.well(`node-${i}`, 'externally provisioned', 120);
  const [cpuBefore, pollsBefore] = [cpuSeconds(bed.pid), bed.powerReads];
  await pause(seconds);
  const [rss, peak] = [memoryMib(bed.pid, 'VmRSS'), memoryMib(bed.pid, 'VmHWM')];
  const cpu = cpuSeconds(bed.pid) - cpuBefore;
  const bare = await bareMib();
  const ratio = rss / IRONIC_MIB;
  const result = {
    bench: 'rss',
    hosts,
    idleSeconds: seconds,
    bmcPowerReads: bed.powerReads - pollsBefore,
    rssMiB: round(rss),
    peakMiB: round(peak),
    bareMiB: round(bare),
    overBare: round(rss / bare),
    cpuSeconds: round(cpu),
    cpuPercent: round((100 * cpu) / seconds),
    ironicMiB: round(IRONIC_MIB),
    ratioToIronic: round(ratio),
    limitRatio: LIMIT_RATIO,
    ok: ratio <= LIMIT_RATIO,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  if (!result.ok) process.exitCode = 1;
} finally {
  await bed.close();
}

function memoryMib(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}

/** User and system time of a process, seconds. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Node with everything that `ingot up` imports, doing nothing. */
async function bareMib(): Promise<number> {
  const up = path.resolve(import.meta.dirname, '../../src/cli/up.ts');
  const code = `await import(${JSON.stringify(up)}); console.log('loaded'); setInterval(() => {}, 1000);`;
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    await pause(3);
    return memoryMib(child.pid ?? 0, 'VmRSS');
  } finally {
    child.kill();
  }
}

function pause(s: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, s * 1000));
}

function round(n: number): number {
  return Math.round(n * 100) / 100;
}
