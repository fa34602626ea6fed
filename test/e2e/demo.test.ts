/** The README's first command, as a person types it: a real Debian with cloud-init on a machine from nothing, and back. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';

const ROOT = path.resolve(import.meta.dirname, '../..');
const NAME = `demo${process.pid}`;

interface Report {
  result: string;
  hosts: number;
  imageDigest: string;
  bytesServed: { image: number; ramdisk: number };
  callbacks: Record<string, { uuid: string; hostname: string }>;
  phases: Record<string, number>;
}

/** The demo's standard output; its log goes to ours, so that a failure in CI can be read. */
function demo(...args: string[]): Promise<{ code: number | null; stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', path.join(ROOT, 'hack/demo'), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.on('data', (chunk: Uint8Array) => (stdout += Buffer.from(chunk).toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout }));
  });
}

test('hack/demo --json', { timeout: 1_200_000 }, async () => {
  const { code, stdout } = await demo('--json', '--name', NAME);
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  assert.equal(code, 0, stdout);
  const report = JSON.parse(last) as Report;
  assert.equal(report.result, 'ok');
  assert.equal(report.hosts, 1);
  assert.match(report.imageDigest, /^sha256:[0-9a-f]{64}$/);
  assert.match(report.callbacks['node-0']?.uuid ?? '', /^[0-9a-f-]{36}$/);
  assert.equal(report.callbacks['node-0']?.hostname, 'node-0');
  assert.ok(report.bytesServed.image > 50e6 && report.bytesServed.ramdisk > 20e6, last);
  assert.ok((report.phases['osBoot'] ?? 0) > 0, last);
});
