/** The second CD of a machine that has an OS, as its BMC shows and changes it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { MediaSlot, VirtualMediaControl } from '../../src/bmc/capabilities.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { Engine, World } from '../support/engine.ts';

const [OLD, NEW] = ['http://192.0.2.9/old.iso', 'http://192.0.2.9/new.iso'];

describe('provisioner: DataImage', () => {
  let world: World;
  let engine: Engine;
  let slot: MediaSlot;
  let writes: string[];

  beforeEach(async () => {
    world = new World();
    slot = { id: '/cd', name: 'Cd', kinds: ['cd'], inserted: false };
    writes = [];
    const media: VirtualMediaControl = {
      slots: () => Promise.resolve([slot]),
      insert: (url, { keepOthers }) => {
        writes.push(`insert ${url}${keepOthers ? '' : ' alone'}`);
        slot = { ...slot, inserted: true, image: url };
        return Promise.resolve(slot);
      },
      eject: (id) => {
        writes.push(`eject ${id}`);
        const { image: _, ...rest } = slot;
        slot = { ...rest, inserted: false };
        return Promise.resolve();
      },
    };
    world.bmc = Object.assign(world.machine, { media }) as never;
    engine = await Engine.start(world);
    await world.addHost();
  });

  afterEach(async () => {
    await engine.kill();
    await world.end();
  });

  const change = async (attached: string | undefined, url: string | undefined) =>
    engine.provisioner.dataImage(await engine.context(), { attached, url });

  it('is inserted once, swapped, taken out', async () => {
    assert.deepEqual(await change(undefined, OLD), { kind: 'done' });
    assert.deepEqual(await change(OLD, OLD), { kind: 'done' });
    assert.deepEqual(await change(OLD, NEW), { kind: 'done' });
    assert.deepEqual(await change(NEW, undefined), { kind: 'done' });
    assert.deepEqual(writes, [`insert ${OLD}`, 'eject /cd', `insert ${NEW}`, 'eject /cd']);
  });

  it('is inserted again into a BMC that has lost it; one that a stopped engine had inserted is not', async () => {
    assert.deepEqual(await change(OLD, OLD), { kind: 'done' });
    assert.deepEqual(await change(undefined, OLD), { kind: 'done' });
    assert.deepEqual(writes, [`insert ${OLD}`]);
  });

  it('a BMC that does not say what is in a slot is believed to have kept it', async () => {
    slot = { ...slot, inserted: true };
    assert.deepEqual(await change(OLD, OLD), { kind: 'done' });
    assert.deepEqual(await change(OLD, NEW), { kind: 'done' });
    assert.deepEqual(writes, ['eject /cd', `insert ${NEW}`]);
  });

  it('what the BMC says against it is told at once', async () => {
    world.machine.media!.insert = () => Promise.reject(bmcErrors.make('BMC_MEDIA_NOT_ACCEPTED', 'no slot took it'));
    const outcome = await change(undefined, NEW);
    assert.deepEqual(outcome, { kind: 'failed', code: 'BMC_MEDIA_NOT_ACCEPTED', message: 'no slot took it' });
    delete (world.machine as { media?: unknown }).media;
    const without = await change(undefined, NEW);
    assert.match(without.kind === 'failed' ? without.message : '', /has no virtual media \(DataImage\)/);
  });
});
