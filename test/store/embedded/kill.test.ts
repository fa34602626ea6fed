import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { FakeClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { loadCrds } from '../../../src/api/registry/load.ts';
import { CONFIG_MAP } from '../../../src/api/resources.ts';
import { openEmbeddedStore } from '../../../src/store/embedded/store.ts';

/** Runs the writer, kills it with SIGKILL after `writes` acknowledged writes. @returns the last number it said was safe */
function killedWriter(file: string, writes: number): Promise<number> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'writer-main.ts'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.split('\n').length > writes) child.kill('SIGKILL');
  });
  const last = () => Number(text.slice(0, text.lastIndexOf('\n')).split('\n').at(-1));
  return new Promise((resolve) => child.once('close', () => resolve(last())));
}

test('kill -9 loses no acknowledged write and leaves nobody locked out', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'ingot-kill-'));
  try {
    const file = path.join(folder, 'ingot.db');
    let before = 0;
    for (const writes of [1, 40, 90]) {
      const acknowledged = await killedWriter(file, writes);
      assert.ok(acknowledged > before);
      const store = openEmbeddedStore({ file, crds: await loadCrds(), clock: new FakeClock(), log: silentLogger });
      const stored = await store.get(CONFIG_MAP, { namespace: 'default', name: 'counter' });
      store.close();
      before = Number(stored.data?.['n']);
      assert.ok(before === acknowledged || before === acknowledged + 1, `${before} after ${acknowledged}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
