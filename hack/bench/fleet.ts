/**
 * What does it cost to watch a thousand machines? As many simulated BMCs run in a process of their own; this one asks
 * each for its power state once an interval, evenly spread, with the session that it keeps, as the engine does.
 *
 *   hack/bench/fleet.ts [--count 1000] [--interval 60] [--rounds 1] [--protocol both]
 *
 * One round of logging in is not measured, then `rounds` are. Prints one JSON line: for each protocol the client's share
 * of one core, its memory with all sessions open, and how both compare to the limits; ends with 1 when one is not met.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';

/** Of one core, %, for 1,000 machines asked every 60 s. */
const CPU_LIMIT = 5;
/** What the limit is for; a run with a shorter interval is scaled to it. */
const LIMIT_INTERVAL_MS = 60_000;
const RSS_LIMIT_MIB = 400;
const PASSWORD = 'fleet-secret';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    interval: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '1' },
    protocol: { type: 'string', default: 'both' },
  },
});
const count = Number(values.count);
const intervalMs = Number(values.interval) * 1000;
const rounds = Number(values.rounds);
const round = (n: number): number => Math.round(n * 100) / 100;

interface Member {
  ipmiAddress?: string;
  redfishAddress?: string;
}

const program = path.resolve(import.meta.dirname, '../../src/cli/main.ts');
const simulators: ChildProcess = spawn(
  process.execPath,
  [program, 'sim', '--count', String(count), '--first-port', '0', '--password', PASSWORD, '--json'],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
try {
  const members = await started(simulators);
  const protocols = values.protocol === 'both' ? ['ipmi', 'redfish'] : [values.protocol];
  const results: Record<string, unknown> = {};
  let ok = true;
  for (const protocol of protocols) {
    const addresses = members.flatMap((m) => (protocol === 'ipmi' ? m.ipmiAddress : m.redfishAddress) ?? []);
    const result = await measure(addresses);
    ok &&= result.ok;
    results[protocol] = result;
  }
  const limits = { cpuPercent: CPU_LIMIT, rssMiB: RSS_LIMIT_MIB };
  process.stdout.write(
    `${JSON.stringify({ bench: 'fleet', count, intervalSeconds: intervalMs / 1000, rounds, limits, ...results, ok })}\n`,
  );
  if (!ok) process.exitCode = 1;
} finally {
  simulators.kill('SIGTERM');
}

async function started(child: ChildProcess): Promise<Member[]> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.endsWith('\n')) break;
  }
  if (text === '') throw new Error('the simulators did not start');
  return (JSON.parse(text) as { members: Member[] }).members;
}

async function measure(addresses: readonly string[]) {
  const bmcs = addresses.map((address) =>
    openBmc({
      address,
      credentials: { username: 'admin', password: PASSWORD },
      disableCertificateVerification: true,
      doors: { clock: systemClock, random: Math.random, log: silentLogger },
    }),
  );
  const signal = AbortSignal.timeout(3600_000);
  try {
    const login = process.cpuUsage();
    const loginStart = performance.now();
    // Logging in is quick: no need to spread it over a minute. Not all at once either: this machine serves both ends.
    await pollRound(bmcs, Math.min(intervalMs, 10_000), signal);
    const loginCpu = cpuMs(login);
    const loginMs = performance.now() - loginStart;
    const before = process.cpuUsage();
    const start = performance.now();
    let failures = 0;
    let slowest = 0;
    for (let i = 0; i < rounds; i++) {
      const outcome = await pollRound(bmcs, intervalMs, signal);
      failures += outcome.failures;
      slowest = Math.max(slowest, outcome.slowestMs);
    }
    const percent = (100 * cpuMs(before)) / (performance.now() - start);
    const percentAtLimit = (percent * intervalMs) / LIMIT_INTERVAL_MS;
    const rss = process.memoryUsage.rss() / 2 ** 20;
    return {
      polls: addresses.length * rounds,
      failures,
      slowestMs: Math.round(slowest),
      cpuPercentOfOneCore: round(percent),
      cpuPercentAtOneMinute: round(percentAtLimit),
      cpuMsPerPoll: round(cpuMs(before) / (addresses.length * rounds)),
      loginCpuMsPerBmc: round(loginCpu / addresses.length),
      loginSeconds: round(loginMs / 1000),
      rssMiB: round(rss),
      ratioCpuToLimit: round(percentAtLimit / CPU_LIMIT),
      ratioRssToLimit: round(rss / RSS_LIMIT_MIB),
      ok: failures === 0 && percentAtLimit <= CPU_LIMIT && rss <= RSS_LIMIT_MIB,
    };
  } finally {
    await Promise.all(bmcs.map((bmc) => bmc.close().catch(() => {})));
  }
}

/** Asks every BMC once, evenly over `ms`; resolves when the time is over and all have answered. */
async function pollRound(bmcs: readonly Bmc[], ms: number, signal: AbortSignal) {
  let failures = 0;
  let slowestMs = 0;
  const start = performance.now();
  const asked: Promise<void>[] = [];
  for (const [i, bmc] of bmcs.entries()) {
    const wait = start + (i * ms) / bmcs.length - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const from = performance.now();
    asked.push(
      bmc.powerState(signal).then(
        () => void (slowestMs = Math.max(slowestMs, performance.now() - from)),
        () => void failures++,
      ),
    );
  }
  await Promise.all(asked);
  const rest = start + ms - performance.now();
  if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
  return { failures, slowestMs };
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}
