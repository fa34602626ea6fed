import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { AgentTokens } from '../../src/boot/tokens.ts';
import { Engine, KEY, MAC, World } from '../support/engine.ts';
import { request } from '../support/sim-agent.ts';

const BOOT = '0f3c9a52-7f0e-4a45-8f0b-5d2c0c1d7e01';

describe('provisioner: an agent that did not hear the answer to its registration', () => {
  let world: World;
  let engine: Engine;
  let token = '';

  beforeEach(async () => {
    world = new World();
    engine = await Engine.start(world);
    const host = await world.addHost();
    await engine.book.update(KEY, () => ({ attempt: 1, boot: { intent: 'ramdisk', since: '2026-01-01T00:00:00Z' } }));
    token = new AgentTokens(world.secret).bootToken({ hostUid: host.metadata.uid ?? '', attempt: 1 }, MAC);
  });

  afterEach(async () => {
    await engine.kill();
    await world.end();
  });

  const url = (path: string) => `https://127.0.0.1:${world.ports.agent}/agent/v1/${path}`;
  const register = async (more: { bootId?: string; token?: string; bootMac?: string }) => {
    const body = { token, bootMac: MAC, agentVersion: 'x', smbios: {}, nics: [], firmware: 'uefi', clockMs: 0 };
    const answer = await request('POST', url('register'), { body: { ...body, uptimeSeconds: 1, ...more } });
    const { sessionKey = '' } = JSON.parse(answer.body) as { sessionKey?: string };
    return { status: answer.status, sessionKey };
  };
  const poll = (bearer: string) => request('GET', url('task?wait=0'), { bearer });

  it('gets the same session again, until it uses it', async () => {
    const first = await register({ bootId: BOOT });
    assert.equal(first.status, 200);
    assert.deepEqual(await register({ bootId: BOOT }), first);
    const registrations = () => engine.book.status(KEY).timeline?.filter((e) => e.kind === 'agent-registered').length;
    assert.equal(registrations(), 1);
    assert.equal((await poll(first.sessionKey)).status, 204);
    assert.equal((await register({ bootId: BOOT })).status, 403);
    assert.equal((await poll(first.sessionKey)).status, 204, 'the session goes on');
    assert.equal(engine.book.status(KEY).agent?.bootIdDigest, undefined);
  });

  it('gets it also from an engine that was started meanwhile', async () => {
    const first = await register({ bootId: BOOT });
    await engine.book.flush();
    await engine.kill();
    engine = await Engine.start(world);
    assert.deepEqual(await register({ bootId: BOOT }), first);
  });

  it('is told apart from every other machine that has got hold of the token', async () => {
    const first = await register({ bootId: BOOT });
    assert.equal((await register({ bootId: '0f3c9a52-7f0e-4a45-8f0b-5d2c0c1d7e02' })).status, 403);
    assert.equal((await register({})).status, 403);
    assert.equal((await register({ bootId: BOOT, bootMac: '52:54:00:12:00:99' })).status, 403);
    assert.equal((await register({ bootId: BOOT, token: 'another' })).status, 403);
    assert.deepEqual(await register({ bootId: BOOT }), first);
    // What is stored does not tell the boot id.
    assert.doesNotMatch(JSON.stringify(engine.book.status(KEY)), new RegExp(BOOT));
  });

  it('is refused when this boot is not awaited any more', async () => {
    await register({ bootId: BOOT });
    await engine.book.update(KEY, () => ({ boot: { intent: 'disk', since: '2026-01-01T00:00:00Z' } }));
    assert.equal((await register({ bootId: BOOT })).status, 403);
    await engine.book.update(KEY, () => ({ attempt: 2, boot: { intent: 'ramdisk', since: '2026-01-01T00:00:00Z' } }));
    assert.equal((await register({ bootId: BOOT })).status, 403);
  });

  it('without a boot id registers once', async () => {
    assert.equal((await register({})).status, 200);
    assert.equal((await register({})).status, 403);
  });
});
