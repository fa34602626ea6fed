import { type ChildProcess, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { Deadline } from '../../src/core/deadline.ts';
import { type ExecResult, exec } from '../../src/core/exec.ts';
import { memoryLogger, type LogLine } from '../../src/core/log.ts';
import { readConsole, waitForConsole } from '../../src/sim/console-log.ts';
import type { LabHostOptions } from '../../src/sim/lab-hosts.ts';
import { type Lab, type LabHost, insideLab, startLab } from '../../src/sim/lab.ts';

export interface TestLab {
  lab: Lab;
  dir: string;
  /** What machines and BMCs logged. */
  lines: LogLine[];
  /** Runs a program inside the lab's namespace. */
  run(program: string, args: readonly string[], seconds?: number): Promise<ExecResult>;
  /** Starts a program inside the lab's namespace that ends with the lab. Its output is dropped. */
  start(program: string, args: readonly string[]): ChildProcess;
  /** Takes the lab down and removes its folder. */
  close(): Promise<void>;
}

let labs = 0;

/**
 * A lab for one test: named after the process and counted, so that it never meets another test's.
 * @param disks disk image files by host name, copied to the host's boot disk before its machine is made
 */
export async function testLab(hosts: readonly LabHostOptions[], disks: Record<string, string> = {}): Promise<TestLab> {
  const dir = await mkdtemp(join(tmpdir(), 'ingot-test-lab-'));
  for (const [name, image] of Object.entries(disks)) {
    await mkdir(join(dir, name));
    await copyFile(image, join(dir, name, 'disk0.raw'));
  }
  const lines: LogLine[] = [];
  const lab = await startLab({
    name: `t${process.pid}-${++labs}`,
    dir,
    hosts,
    accelerator: 'tcg',
    clock: systemClock,
    log: memoryLogger(lines),
    random: Math.random,
  });
  const children: ChildProcess[] = [];
  return {
    lab,
    dir,
    lines,
    async run(program, args, seconds = 30) {
      const [command, ...rest] = insideLab(lab.network, [program, ...args]);
      using deadline = new Deadline(systemClock, `${program} ${args.join(' ')}`, seconds * 1000);
      return await exec(command, rest, { signal: deadline.signal });
    },
    start(program, args) {
      const [command, ...rest] = insideLab(lab.network, [program, ...args]);
      const child = spawn(command, rest, { stdio: 'ignore' });
      children.push(child);
      return child;
    },
    async close() {
      for (const child of children) child.kill('SIGKILL');
      await lab.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Runs ipmitool against one host's BMC. The password goes by the environment. @returns its standard output */
export async function ipmitool(test: TestLab, host: LabHost, ...command: string[]): Promise<string> {
  const { hostname, port } = new URL(host.bmcAddress.replace('ipmi:', 'http:'));
  const access = ['-I', 'lanplus', '-C', '17', '-H', hostname, '-p', port, '-U', host.username, '-E'];
  const [program, ...rest] = insideLab(test.lab.network, ['ipmitool', ...access, ...command]);
  const { stdout } = await exec(program, rest, { env: { IPMI_PASSWORD: host.password } });
  return stdout;
}

type Console = Pick<LabHost, 'name' | 'consolePath'>;

/** Where a host's console is now; what comes later can be waited for from here. */
export async function consoleMark(host: Console): Promise<number> {
  return (await readConsole(host.consolePath)).end;
}

/** Waits for console text; when it does not come, the error has the console's last lines. */
export async function waitConsole(host: Console, pattern: RegExp, seconds: number, from = 0): Promise<RegExpExecArray> {
  using deadline = new Deadline(systemClock, `console of ${host.name} to say ${pattern}`, seconds * 1000);
  try {
    return await waitForConsole(host.consolePath, pattern, { clock: systemClock, deadline, from });
  } catch (cause) {
    const { text } = await readConsole(host.consolePath, from);
    throw new Error(`console of ${host.name} never said ${pattern}; its end:\n${text.slice(-1500)}`, { cause });
  }
}

/** Polls until `condition` holds. @throws when it does not within `seconds` */
export async function until(what: string, seconds: number, condition: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
