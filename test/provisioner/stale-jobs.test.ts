import assert from 'node:assert/strict';
import { it } from 'node:test';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { Engine, KEY, World } from '../support/engine.ts';

/** What a registration tells of jobs that others have left, and how often they were cleared. */
async function registered(change: {
  id?: string;
  externallyProvisioned?: boolean;
  fails?: boolean;
}): Promise<{ kind: string; cleared: number; told: string[] }> {
  const world = new World();
  let cleared = 0;
  const clearJobs = () => {
    if (change.fails === true) throw bmcErrors.make('BMC_BUSY', 'the queue is busy');
    cleared++;
    return Promise.resolve(3);
  };
  const management = { clearJobs };
  world.bmc = Object.assign(world.machine, { management }) as unknown as NonNullable<typeof world.bmc>;
  const engine = await Engine.start(world);
  try {
    await world.addHost();
    const context = await engine.context();
    if (change.externallyProvisioned === true) context.host.spec.externallyProvisioned = true;
    if (change.id !== undefined) {
      context.host.status = { provisioning: { ID: change.id } } as NonNullable<typeof context.host.status>;
    }
    const { kind } = await engine.provisioner.register(context);
    const told = (engine.book.status(KEY).timeline ?? []).map((e) => e.text).filter((text) => text.includes('jobs'));
    return { kind, cleared, told };
  } finally {
    await engine.kill();
    await world.end();
  }
}

it('jobs that others left are cleared when a host is enrolled, and neither later nor on machines of others', async () => {
  const told = ['3 jobs that others had left are cleared'];
  assert.deepEqual(await registered({}), { kind: 'done', cleared: 1, told });
  assert.deepEqual(await registered({ id: 'known' }), { kind: 'done', cleared: 0, told: [] });
  assert.deepEqual(await registered({ externallyProvisioned: true }), { kind: 'done', cleared: 0, told: [] });
});

it('a queue that is not cleared is told and is no reason to refuse the host', async () => {
  const { kind, told } = await registered({ fails: true });
  assert.equal(kind, 'done');
  assert.match(told.join(), /jobs of the BMC not cleared: .*the queue is busy/);
});
