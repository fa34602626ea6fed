import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { loadSession, saveSession } from '../../src/agent/saved-session.ts';

test('a session survives the agent, readable by root alone; garbage is no session', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ingot-session-'));
  try {
    const path = join(dir, 'session.json');
    const host = { namespace: 'lab', name: 'node-0', uid: 'u' };
    const session = { sessionKey: 'k', serverTimeMs: 5, host, attempt: 2 };
    assert.equal(await loadSession(path), undefined);
    await saveSession(path, session);
    assert.deepEqual(await loadSession(path), session);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    writeFileSync(path, '{"sessionKey":');
    assert.equal(await loadSession(path), undefined);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
