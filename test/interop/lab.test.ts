import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, describe, test } from 'node:test';
import { join } from 'node:path';
import { exec } from '../../src/core/exec.ts';
import { REPOSITORY } from '../../src/sim/builders.ts';
import { namespacePids } from '../../src/sim/lab-network.ts';
import { listLabs, sweepDeadLabs } from '../../src/sim/lab-record.ts';
import { until } from '../support/lab.ts';

interface Described {
  namespace: string;
  hostInterface: string;
  hostAddress: string;
  hosts: { name: string; bmcAddress: string; username: string; password: string }[];
}

const NAME = `i${process.pid}`;
const children: ChildProcess[] = [];

function start(name: string): { child: ChildProcess; described: Promise<Described> } {
  const args = [join(REPOSITORY, 'src', 'cli', 'main.ts'), 'lab', '--name', name, '--accel', 'tcg', '--json'];
  const child = spawn(process.execPath, [...args, '--firmware', 'bios', '--memory', '128'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const described = new Promise<Described>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)));
    child.once('exit', (code) => reject(new Error(`ingot lab ended with ${code}`)));
  });
  return { child, described };
}

async function ipmitool(lab: Described, password: string, ...command: string[]) {
  const host = lab.hosts[0]!;
  const { hostname, port } = new URL(host.bmcAddress.replace('ipmi:', 'http:'));
  const access = [
    '-I',
    'lanplus',
    '-C',
    '17',
    '-N',
    '1',
    '-R',
    '1',
    '-H',
    hostname,
    '-p',
    port,
    '-U',
    host.username,
    '-E',
  ];
  return await exec('ipmitool', [...access, ...command], { env: { IPMI_PASSWORD: password }, ok: [0, 1] });
}

async function gone(lab: Described): Promise<boolean> {
  const { stdout: namespaces } = await exec('ip', ['netns']);
  const { stdout: links } = await exec('ip', ['-o', 'link']);
  const mine = (await listLabs()).some((l) => `ingot-${l.record.name}` === lab.namespace);
  // The interface may belong to another lab by now, so its peer's namespace is what counts.
  return !namespaces.includes(lab.namespace) && !links.includes(`link-netns ${lab.namespace}`) && !mine;
}

describe('ingot lab', { timeout: 120_000 }, () => {
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await until('the labs of this test to end', 5, () =>
      children.every((c) => c.exitCode !== null || c.signalCode !== null),
    );
    await sweepDeadLabs();
  });

  test('its BMCs answer on the host, and only to the right password', async () => {
    const { child, described } = start(NAME);
    const lab = await described;
    const password = lab.hosts[0]!.password;
    assert.match((await ipmitool(lab, password, 'chassis', 'power', 'status')).stdout, /is off/);
    assert.notEqual((await ipmitool(lab, 'wrong', 'chassis', 'power', 'status')).code, 0);
    await ipmitool(lab, password, 'chassis', 'power', 'on');
    assert.match((await ipmitool(lab, password, 'chassis', 'power', 'status')).stdout, /is on/);
    child.kill('SIGINT');
    await until('the lab to be gone', 20, () => child.exitCode !== null);
    assert.equal(child.exitCode, 0);
    assert.ok(await gone(lab), 'Ctrl-C leaves nothing behind');
  });

  test('two labs of one name are refused, and the first is left alone', async () => {
    const name = `${NAME}b`;
    const first = start(name);
    const lab = await first.described;
    const second = start(name);
    await assert.rejects(second.described, /ended with 1/);
    assert.match((await ipmitool(lab, lab.hosts[0]!.password, 'chassis', 'power', 'status')).stdout, /is off/);
    first.child.kill('SIGTERM');
    await until('the lab to be gone', 20, () => first.child.exitCode !== null);
    assert.ok(await gone(lab));
  });

  test('killed without warning: its machines end with it, and the next lab clears the rest', async () => {
    const { child, described } = start(`${NAME}c`);
    const lab = await described;
    await ipmitool(lab, lab.hosts[0]!.password, 'chassis', 'power', 'on');
    assert.ok((await namespacePids(lab.namespace)).length >= 2, 'a machine and the router run');
    child.kill('SIGKILL');
    await until('machine and router to end', 10, async () => (await namespacePids(lab.namespace)).length === 0);
    // Where other labs are started meanwhile, one of them may have been first.
    const swept = await sweepDeadLabs();
    assert.ok(
      swept.every((name) => name === `${NAME}c`),
      swept.join(),
    );
    await until('what it left to be gone', 10, () => gone(lab));
  });
});
