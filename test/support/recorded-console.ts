/** A boot whose console is recorded, disturbed in every way that a real one is. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ConsoleLogs } from '../../src/server/console-logs.ts';
import { readConsole } from '../../src/sim/console-log.ts';
import type { FullLab } from './full-lab.ts';
import { until } from './lab.ts';

/** Slow enough for a person: the ramdisk takes minutes. bit/s */
const SLOW = 2_000_000;

/** The recorded console of a host. @param ago 0: newest boot */
export function recorded(lab: FullLab, name: string, ago = 0): Promise<string> {
  return new ConsoleLogs(join(lab.dir, 'engine/consoles')).read({ namespace: 'default', name }, ago);
}

async function says(lab: FullLab, name: string, seconds: number, pattern: RegExp): Promise<void> {
  await until(`the recording of ${name} to say ${pattern}`, seconds, async () =>
    pattern.test(await recorded(lab, name)),
  ).catch(async (error: unknown) => {
    throw new Error(`it says:\n${await recorded(lab, name)}`, { cause: error });
  });
}

/**
 * Enrols a host and, while it loads the ramdisk slowly, opens `ingot console` beside the recorder, restarts the BMC, and
 * presses the machine's reset button. Then the line is fast again.
 */
export async function enrolAndDisturb(lab: FullLab, name: string): Promise<void> {
  const host = lab.host(name);
  await lab.slowLine(name, SLOW);
  await lab.enrol(name);
  await says(lab, name, 60, /ramdisk\/vmlinuz/);
  const [program, ...args] = lab.ingot('console', name);
  const person = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(person, 'exit');
  let seen = '';
  for (const stream of [person.stdout, person.stderr]) stream.on('data', (d: Buffer) => (seen += d.toString('utf8')));
  try {
    await until('the person to see the download', 30, () => /\d%/.test(seen));
    assert.match(seen, /another session \(user "admin" at [\d.]+\) had the console; it is taken from there/);
    await says(
      lab,
      name,
      20,
      /console lost \(the BMC ended it\)[^]*another session \(user "admin" at [\d.]+\) has it now\]\n$/,
    );
  } finally {
    person.kill('SIGINT');
  }
  assert.deepEqual(await ended, [0, null], seen);
  await says(lab, name, 20, /console is back\]\n/);
  host.restartBmc(1000);
  await says(lab, name, 90, /console is back\][^]*console lost[^]*console is back\]\n/);
  await lab.slowLine(name, undefined);
  await host.machine.reset();
}

/** Nothing that the machine printed and that opens anything is in a recording; the raw console has it. */
export async function assertNoSecrets(lab: FullLab, name: string): Promise<void> {
  const raw = (await readConsole(lab.host(name).consolePath)).text.replaceAll(/^(.{80})\n/gm, '$1');
  const secrets = ['token', 'sig'].map((key) => [...raw.matchAll(new RegExp(`${key}=([\\w.-]{16,})`, 'g'))]);
  for (const found of secrets) assert.notEqual(found.length, 0, raw);
  const kept = (await Promise.all([0, 1, 2, 3].map((ago) => recorded(lab, name, ago)))).join('\n');
  for (const [, secret = ''] of secrets.flat()) assert.ok(!kept.includes(secret.slice(0, 12)), kept);
}
