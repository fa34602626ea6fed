import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { runWrite } from '../../src/agent/write-task.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';

test('a server that never answers for the manifest is given up, and the disk is as it was', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'ingot-test-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const name = join(dir, 'disk');
  writeFileSync(name, Buffer.alloc(8192, 7));
  const disk = { name, serial: 'S', sizeBytes: 8192, logicalSectorBytes: 512, rotational: false };
  const clock = new FakeClock();
  const asked = Promise.withResolvers<void>();
  const fetch = (_url: string, _max: number, signal: AbortSignal) => {
    asked.resolve();
    return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  const write = { target: disk, manifestUrl: 'http://x/m', manifestDigest: 'sha256:aa', framesUrl: 'http://x/{index}' };
  const never = () => Promise.reject(new Error('not asked'));
  const context = { signal: new AbortController().signal, report: () => {}, log: silentLogger };
  const done = runWrite('1', write, [disk], { fetch, manifest: never, clock, random: () => 0 }, context);
  const refused = assert.rejects(done, { code: 'DEADLINE_EXCEEDED', retry: true });
  await asked.promise;
  await clock.advance(180_000);
  await refused;
});
