import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import { BARE_METAL_HOST, HOST_PROGRESS } from '../../src/api/resources.ts';
import { ProgressBook } from '../../src/boot/progress-book.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { MemoryStore } from '../support/memory-store.ts';

const KEY = { namespace: 'default', name: 'node-0' };
const HOST: BareMetalHost = {
  apiVersion: 'metal3.io/v1alpha1',
  kind: 'BareMetalHost',
  metadata: { ...KEY },
  spec: { online: true, bootMACAddress: '52:54:00:00:00:01' },
};

describe('boot: progress book', () => {
  let store: MemoryStore;
  let clock: FakeClock;
  let stop: AbortController;

  beforeEach(() => {
    clock = new FakeClock();
    store = new MemoryStore();
    stop = new AbortController();
  });
  afterEach(() => stop.abort());

  async function open(): Promise<ProgressBook> {
    const book = new ProgressBook({ store, clock, log: silentLogger });
    await book.start(stop.signal);
    return book;
  }
  const stored = async () => (await store.get(HOST_PROGRESS, KEY)).status ?? {};

  it('makes the object with the host as its owner, and reads its own writes at once', async () => {
    const host = await store.create(BARE_METAL_HOST, HOST);
    const book = await open();
    assert.deepEqual(book.status(KEY), {});
    await book.update(KEY, () => ({ attempt: 1, phase: 'inspecting' }));
    assert.equal(book.status(KEY).attempt, 1);
    assert.equal((await stored()).phase, 'inspecting');
    const object = await store.get(HOST_PROGRESS, KEY);
    assert.equal(object.metadata.ownerReferences?.[0]?.uid, host.metadata.uid);
  });

  it('removes what is undefined and replaces objects as a whole', async () => {
    await store.create(BARE_METAL_HOST, HOST);
    const book = await open();
    const at = '2026-01-01T00:00:00Z';
    await book.update(KEY, () => ({ wait: { name: 'a', since: at, until: at, check: 'b' }, percent: 5 }));
    await book.update(KEY, () => ({ wait: { name: 'c', since: at, until: at }, percent: undefined }));
    const { wait, percent } = await stored();
    assert.deepEqual([wait, percent], [{ name: 'c', since: at, until: at }, undefined]);
  });

  it('keeps every one of many changes at the same time, also against another writer', async () => {
    await store.create(BARE_METAL_HOST, HOST);
    const [one, two] = [await open(), await open()];
    const up = (book: ProgressBook) => book.update(KEY, (s) => ({ attempt: (s.attempt ?? 0) + 1 }));
    await up(one);
    await Promise.all(Array.from({ length: 10 }, (_, i) => up(i % 2 === 0 ? one : two)));
    assert.equal((await stored()).attempt, 11);
  });

  it('stores notes within a second or with the next change, and all of them at the end', async () => {
    await store.create(BARE_METAL_HOST, HOST);
    const book = await open();
    await book.update(KEY, () => ({ attempt: 1 }));
    book.note(KEY, { percent: 10 });
    assert.equal(book.status(KEY).percent, 10);
    assert.equal((await stored()).percent, undefined);
    await clock.advance(1000);
    assert.equal((await stored()).percent, 10);
    book.note(KEY, { percent: 20 });
    await book.update(KEY, () => ({ attempt: 2 }));
    assert.equal((await stored()).percent, 20);
    book.note(KEY, { percent: 30 });
    await book.flush();
    assert.equal((await stored()).percent, 30);
  });

  it('a host made anew under an old name starts with nothing', async () => {
    await store.create(BARE_METAL_HOST, HOST);
    const book = await open();
    await book.update(KEY, () => ({ disk: { name: '/dev/vda', serial: 'OLD', sizeBytes: 1 }, attempt: 7 }));
    await store.delete(BARE_METAL_HOST, KEY);
    await clock.advance(0);
    await store.create(BARE_METAL_HOST, HOST);
    await clock.advance(0);
    await book.update(KEY, () => ({ phase: 'new' }));
    const { disk, attempt, phase } = await stored();
    assert.deepEqual([disk, attempt, phase], [undefined, undefined, 'new']);
  });

  it('drops what is said of hosts that are gone', async () => {
    const book = await open();
    book.note(KEY, { percent: 1 });
    await book.update(KEY, () => ({ attempt: 1 }));
    await assert.rejects(store.get(HOST_PROGRESS, KEY));
    await book.flush();
  });

  it('shows what another process stored', async () => {
    await store.create(BARE_METAL_HOST, HOST);
    const [one, two] = [await open(), await open()];
    await one.update(KEY, () => ({ attempt: 3 }));
    await clock.advance(0);
    assert.equal(two.status(KEY).attempt, 3);
  });
});
