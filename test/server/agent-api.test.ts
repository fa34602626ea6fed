import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import Fastify from 'fastify';
import { FakeClock } from '../../src/core/clock.ts';
import type { TaskMessage } from '../../src/agent-protocol/messages.ts';
import { TaskBoard } from '../../src/provisioner/task-board.ts';
import { type AgentApiDoors, agentRoutes } from '../../src/server/agent-api.ts';
import { REBOOTED_MS } from '../../src/server/boot-http.ts';
import { Engine, KEY, World } from '../support/engine.ts';

describe('server: agents', () => {
  it('ends a poll before its silence could be taken for a reboot, whatever the agent asks for', async () => {
    const clock = new FakeClock();
    const app = Fastify();
    const signal = new AbortController().signal;
    const sessions = { authenticate: () => KEY };
    agentRoutes(app, { sessions, board: new TaskBoard(clock), clock, signal } as unknown as AgentApiDoors);
    let status = 0;
    const headers = { authorization: 'Bearer x' };
    const poll = app.inject({ url: '/agent/v1/task?wait=50', headers }).then((r) => (status = r.statusCode));
    while (clock.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(REBOOTED_MS - 2000);
    await poll;
    assert.equal(status, 204);
    await app.close();
  });
});

describe('server: the manifest of an image that is prepared', () => {
  const headers = { authorization: 'Bearer x' };
  const write = { target: { name: '/dev/vda', sizeBytes: 1 }, framesUrl: '/f', source: 'source:mine' };
  const told: unknown[] = [];

  /** Asks with this query, while the machine of the session has `task`. */
  async function ask(query: string, task: object | undefined): Promise<{ statusCode: number; body: string }> {
    const app = Fastify();
    const board = new TaskBoard(new FakeClock());
    if (task !== undefined) board.offer(KEY, { id: 't1', deadlineMs: 1, ...task } as TaskMessage);
    const growth = (source: string, from: number, waitMs: number) => {
      told.push([source, from, waitMs]);
      return Promise.resolve({ kind: 'growing', diskBytes: 512, frames: [] });
    };
    const doors = {
      sessions: { authenticate: () => KEY },
      board,
      images: { growth },
      signal: new AbortController().signal,
    };
    agentRoutes(app, doors as unknown as AgentApiDoors);
    const { statusCode, body } = await app.inject({ url: `/agent/v1/manifest?${query}`, headers });
    await app.close();
    return { statusCode, body };
  }

  it('is told to the machine that is to write it, no longer than a poll', async () => {
    const { statusCode, body } = await ask('task=t1&from=7&wait=60', { kind: 'write', write });
    assert.equal(statusCode, 200);
    assert.deepEqual(JSON.parse(body), { kind: 'growing', diskBytes: 512, frames: [] });
    assert.deepEqual(told.splice(0), [['source:mine', 7, 8000]]);
  });

  it('is told to nobody else, who may ask again', async () => {
    const whole = { target: write.target, framesUrl: '/f', manifestUrl: '/m', manifestDigest: 'sha256:x' };
    const others = [
      undefined,
      { kind: 'inspect' },
      { kind: 'write', write: whole },
      { id: 't2', kind: 'write', write },
    ];
    for (const task of others) assert.equal((await ask('task=t1&from=0', task)).statusCode, 503);
    for (const from of ['-1', 'x', '0.5', '1e99']) {
      assert.ok((await ask(`task=t1&from=${from}`, { kind: 'write', write })).statusCode >= 400, from);
    }
    assert.deepEqual(told, []);
  });
});

describe('server: strangers', () => {
  let world: World;
  let engine: Engine;

  before(async () => {
    world = new World();
    engine = await Engine.start(world);
  });

  after(async () => {
    await engine.kill();
    await world.end();
  });

  it('are refused before they have sent a large body', async () => {
    for (const path of ['result', 'progress', 'logs']) {
      const socket = connect({ host: '127.0.0.1', port: world.ports.agent, rejectUnauthorized: false });
      const answer = await new Promise<string>((resolve, reject) => {
        socket.once('error', reject);
        socket.once('data', (bytes: Uint8Array) => resolve(Buffer.from(bytes).toString('latin1')));
        const head = `POST /agent/v1/${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n`;
        // Headers and one byte; the rest never comes.
        socket.write(`${head}authorization: Bearer bm8vbmU.xx\r\n\r\n{`);
        setTimeout(() => resolve('nothing'), 3000).unref();
      });
      socket.destroy();
      assert.match(answer, /^HTTP\/1\.1 401 /, path);
    }
  });
});
