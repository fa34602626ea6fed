import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { TaskMessage } from '../../src/agent-protocol/messages.ts';
import type { HostProgress } from '../../src/api/hostprogress.ts';
import { BARE_METAL_HOST } from '../../src/api/resources.ts';
import { ProgressBook } from '../../src/boot/progress-book.ts';
import { Timeline } from '../../src/boot/timeline.ts';
import { AgentTokens } from '../../src/boot/tokens.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { AgentSessions } from '../../src/provisioner/agent-sessions.ts';
import { TaskBoard } from '../../src/provisioner/task-board.ts';
import { MemoryStore } from '../support/memory-store.ts';

const KEY = { namespace: 'lab', name: 'node-0' };
const SINCE = '2026-01-01T00:00:00Z';
const TASK: TaskMessage = { id: 'op.clean.0', kind: 'clean', policy: { mode: 'metadata' }, deadlineMs: 0 };

describe('provisioner: results of tasks', () => {
  let store: MemoryStore;
  let book: ProgressBook;
  let board: TaskBoard;
  let sessions: AgentSessions;

  beforeEach(async () => {
    const clock = new FakeClock();
    const log = silentLogger;
    store = new MemoryStore();
    await store.create(BARE_METAL_HOST, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BareMetalHost',
      metadata: { ...KEY },
      spec: { online: true },
    });
    book = new ProgressBook({ store, clock, log });
    board = new TaskBoard(clock);
    const timeline = new Timeline({ book, clock });
    const tokens = new AgentTokens(new Uint8Array(32));
    const wake = () => {};
    sessions = new AgentSessions({ book, timeline, tokens, board, clock, log, nonce: () => 'n', wake });
    const task = { id: TASK.id, kind: TASK.kind, issuedAt: SINCE, deadline: SINCE, state: 'running' as const };
    await book.update(KEY, () => ({ task }));
    board.offer(KEY, TASK);
  });

  it('a pass while the result is being stored does not have the task done twice', async () => {
    store.beforeWrite = (_verb, _type, object) => {
      if ((object as HostProgress).status?.task?.finishedAt !== undefined) board.offer(KEY, TASK);
    };
    await sessions.result(KEY, { taskId: TASK.id, ok: true, result: { kind: 'clean', disks: [] } });
    assert.equal(book.status(KEY).task?.state, 'succeeded');
    assert.equal(board.current(KEY), undefined);
    assert.deepEqual(board.result(KEY, TASK.id), { kind: 'clean', disks: [] });
  });

  it('the next task, offered while the result is being stored, stays', async () => {
    const next: TaskMessage = { id: 'op.inspect.0', kind: 'inspect', deadlineMs: 0 };
    store.beforeWrite = (_verb, _type, object) => {
      if ((object as HostProgress).status?.task?.finishedAt !== undefined) board.offer(KEY, next);
    };
    await sessions.result(KEY, { taskId: TASK.id, ok: true, result: { kind: 'clean', disks: [] } });
    assert.deepEqual(board.current(KEY), next);
  });

  it('refuses the result of another kind of task: a step would ask for its own for ever', async () => {
    const message = { taskId: TASK.id, ok: true, result: { kind: 'power' } } as const;
    await assert.rejects(sessions.result(KEY, message), { code: 'AGENT_RESULT_INVALID' });
    assert.equal(book.status(KEY).task?.state, 'running');
  });
});
