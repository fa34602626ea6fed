/** A host keeps the BMC that it was registered with (metal3-compat §3.6). */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ProvisioningState } from '../../src/api/baremetalhost.ts';
import { BARE_METAL_HOST } from '../../src/api/resources.ts';
import { completeStatus } from '../../src/host/status.ts';
import { Engine, KEY, World } from '../support/engine.ts';

describe('provisioner: the address of a BMC', () => {
  let world: World;
  let engine: Engine;

  beforeEach(async () => {
    world = new World();
    engine = await Engine.start(world);
    await world.addHost();
    await setState('registering');
    await register();
  });

  afterEach(async () => {
    await engine.kill();
    await world.end();
  });

  const register = async () => engine.provisioner.register(await engine.context());
  const edit = (address: string) => world.store.patch(BARE_METAL_HOST, KEY, { spec: { bmc: { address } } });
  const setState = (state: ProvisioningState) =>
    world.store.patchStatus(BARE_METAL_HOST, KEY, { status: completeStatus({ provisioning: { state, ID: 'x' } }) });

  it('may be corrected while the host registers', async () => {
    await edit('ipmi://other');
    assert.equal((await register()).kind, 'done');
    assert.equal(engine.book.status(KEY).bmc?.address, 'ipmi://other');
  });

  it('edited under a host in use it is an error, and no other machine is touched, not even by the next engine', async () => {
    await setState('provisioned');
    world.machine.running = 'disk:x';
    await edit('ipmi://other');
    await engine.book.flush();
    await engine.kill();
    engine = await Engine.start(world);
    const context = await engine.context();
    const off = await engine.provisioner.powerOff(context, { mode: 'hard' });
    const outcomes = [off, await engine.provisioner.powerState(context), await register()];
    for (const outcome of outcomes) {
      assert.equal(outcome.kind === 'failed' ? outcome.code : outcome.kind, 'PROVISION_BMC_CHANGED');
    }
    assert.match(off.kind === 'failed' ? off.message : '', /is ipmi:\/\/other, .* registered with ipmi:\/\/sim/);
    assert.deepEqual(world.machine.writes, []);
    await edit('ipmi://sim');
    assert.deepEqual(await engine.provisioner.powerState(await engine.context()), { kind: 'done', poweredOn: true });
  });

  it('may be another one after the host was detached', async () => {
    await setState('provisioned');
    await engine.provisioner.forget(await engine.context());
    await edit('ipmi://other');
    assert.equal((await register()).kind, 'done');
  });
});
