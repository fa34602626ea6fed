import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { ProvisioningState } from '../../src/api/baremetalhost.ts';
import { BARE_METAL_HOST, HOST_FIRMWARE_SETTINGS } from '../../src/api/resources.ts';
import { HostIndex } from '../../src/host/host-index.ts';
import { mayMove } from '../../src/host/states.ts';
import type { Op } from '../support/fake-provisioner.ts';
import { wishHyper } from '../support/firmware-wish.ts';
import { HostLab, IMAGE, KEY, OTHER_IMAGE } from '../support/host-lab.ts';

/** What people, Secrets and machines may do to a host at any moment. */
type Act =
  | { act: 'edit'; spec: Record<string, unknown> }
  | { act: 'annotate'; annotations: Record<string, string | null> }
  | { act: 'password' }
  | { act: 'fail'; op: Op; times: number }
  | { act: 'throw'; op: Op }
  | { act: 'hold'; op: Op; on: boolean }
  | { act: 'switch'; on: boolean }
  | { act: 'wish' }
  | { act: 'restart' }
  | { act: 'delete' }
  | { act: 'wait' };

const OPS: Op[] = [
  'register',
  'inspect',
  'prepare',
  'provision',
  'deprovision',
  'adopt',
  'forget',
  'powerState',
  'powerOn',
  'powerOff',
  'service',
];

const op = fc.constantFrom(...OPS);
const presence = (key: string, ...values: string[]) =>
  fc.constantFrom(null, ...values).map((value): Act => ({ act: 'annotate', annotations: { [key]: value } }));

const spec = fc.constantFrom<Record<string, unknown>>(
  { online: false },
  { online: true },
  { image: IMAGE },
  { image: OTHER_IMAGE },
  { image: null },
  { image: { url: 'http://192.0.2.2/x', checksum: null } },
  { image: { url: '' } },
  { customDeploy: { method: 'm' } },
  { customDeploy: null },
  { externallyProvisioned: true },
  { externallyProvisioned: false },
  { rootDeviceHints: { serialNumber: 'x' } },
  { rootDeviceHints: null },
  { inspectionMode: 'disabled' },
  { inspectionMode: null },
  { userData: { name: 'nowhere' } },
  { userData: null },
  { disablePowerOff: true },
  { disablePowerOff: null },
  { bmc: null },
  { bmc: { address: 'ipmi://192.0.2.1', credentialsName: 'bmc' } },
);

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: spec.map((s): Act => ({ act: 'edit', spec: s })) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('fail' as const), op, times: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('throw' as const), op }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('hold' as const), op, on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('switch' as const), on: fc.boolean() }) },
  { weight: 2, arbitrary: presence('reboot.metal3.io', '', '{"mode":"hard","force":true}', 'x') },
  { weight: 1, arbitrary: presence('reboot.metal3.io/a', '', '{"mode":"hard"}') },
  { weight: 1, arbitrary: presence('inspect.metal3.io', '', 'disabled') },
  {
    weight: 1,
    arbitrary: presence('baremetalhost.metal3.io/detached', '', '{"force":true}', '{"deleteAction":"delay"}'),
  },
  { weight: 1, arbitrary: presence('baremetalhost.metal3.io/paused', '') },
  { weight: 1, arbitrary: fc.constant<Act>({ act: 'password' }) },
  { weight: 2, arbitrary: fc.constant<Act>({ act: 'wish' }) },
  { weight: 3, arbitrary: fc.constant<Act>({ act: 'restart' }) },
  { weight: 1, arbitrary: fc.constant<Act>({ act: 'delete' }) },
  { weight: 4, arbitrary: fc.constant<Act>({ act: 'wait' }) },
);

async function perform(lab: HostLab, a: Act): Promise<void> {
  switch (a.act) {
    case 'edit':
      return await lab.edit(a.spec);
    case 'annotate':
      return await lab.annotate(a.annotations);
    case 'password':
      if ((await lab.secretOf('bmc')) !== undefined) await lab.changeSecret({ password: String(lab.clock.now()) });
      return undefined;
    case 'fail':
      return lab.provisioner.fail(a.op, 'random failure', a.times);
    case 'throw':
      return lab.provisioner.throwing(a.op, new Error('random throw'));
    case 'hold':
      if (a.on) lab.provisioner.held.add(a.op);
      else lab.provisioner.held.delete(a.op);
      return undefined;
    case 'switch':
      lab.provisioner.power.set('lab/node-0', a.on);
      return undefined;
    case 'wish':
      return await wishHyper(lab);
    case 'restart':
      return await lab.restart();
    case 'delete':
      return await lab.remove();
    case 'wait':
      return await lab.clock.advance(600_000);
  }
}

/** One pass; a thrown error is what the queue would log and try again. */
async function tryPass(lab: HostLab): Promise<void> {
  try {
    await lab.clock.advance((await lab.pass()).requeueMs ?? 0);
  } catch (error) {
    assert.match(String(error), /random throw|killed/);
  }
}

/** Things that hold after every pass, whatever happened. */
async function checkInvariants(lab: HostLab, last: { state: ProvisioningState }): Promise<void> {
  if (!(await lab.exists())) return;
  const { status, metadata, spec: wanted } = await lab.get();
  if (status === undefined) return;
  const { state } = status.provisioning;
  assert.ok(state === last.state || mayMove(last.state, state), `${last.state} → ${state}`);
  last.state = state;
  // These say more than that there was an error.
  const louder = ['delayed', 'detached', 'servicing'].includes(status.operationalStatus);
  assert.equal(status.operationalStatus === 'error', status.errorMessage !== '' && !louder, JSON.stringify(status));
  const deployed = state === 'provisioned' || state === 'externally provisioned';
  assert.ok(deployed || status.operationalStatus !== 'servicing', `servicing while ${state}`);
  assert.equal(status.errorType !== undefined, status.errorMessage !== '');
  assert.ok(status.errorCount >= 0 && status.provisioningFailCount >= 0);
  assert.equal(status.conditions?.length, 6);
  assert.ok(status.lastUpdated);
  if (metadata.deletionTimestamp === undefined) assert.ok(metadata.finalizers?.includes('baremetalhost.metal3.io'));
  if (state === 'provisioned' && wanted.externallyProvisioned !== true) assert.ok(status.provisioning.image);
}

suite('properties of the lifecycle', () => {
  test('whatever people and machines do, only moves of the table are made and the status stays consistent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 40 }), async (acts) => {
        const lab = new HostLab({ maxProvisioningRetries: 2 });
        await lab.secret();
        await lab.host();
        const last: { state: ProvisioningState } = { state: '' };
        for (const a of acts) {
          if (!(await lab.exists())) break;
          await perform(lab, a);
          for (let i = 0; i < 4; i++) {
            await tryPass(lab);
            await checkInvariants(lab, last);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('after any disturbance, a host that is let alone reaches what its spec asks for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 25 }), fc.boolean(), async (acts, deploy) => {
        const lab = new HostLab();
        await lab.secret();
        await lab.host();
        for (const a of acts.filter((x) => x.act !== 'delete')) {
          await perform(lab, a);
          for (let i = 0; i < 3; i++) await tryPass(lab);
        }
        for (const o of OPS) {
          lab.provisioner.heal(o);
          lab.provisioner.held.delete(o);
        }
        const { metadata } = await lab.get();
        const keys = Object.keys(metadata.annotations ?? {});
        await lab.annotate(Object.fromEntries(keys.map((k) => [k, null])));
        await lab.edit({
          online: true,
          image: deploy ? IMAGE : null,
          customDeploy: null,
          externallyProvisioned: false,
          userData: null,
          disablePowerOff: null,
          bmc: { address: 'ipmi://192.0.2.1', credentialsName: 'bmc' },
        });
        await lab.until((h) => settledAs(h?.status, deploy), 400);
        await lab.settle();
        const status = await lab.status();
        assert.deepEqual([status.operationalStatus, status.errorMessage, status.poweredOn], ['OK', '', true]);
      }),
      { numRuns: 50 },
    );
  });

  test('killed at any write, a restarted engine comes to the same end', async () => {
    const stories: ((lab: HostLab) => Promise<void>)[] = [
      async () => {},
      async (lab) => await lab.edit({ image: IMAGE }),
      async (lab) => {
        await lab.edit({ image: IMAGE });
        await calmly(lab);
        await lab.edit({ image: OTHER_IMAGE });
      },
      async (lab) => {
        await lab.edit({ image: IMAGE });
        await calmly(lab);
        await lab.annotate({ 'reboot.metal3.io': '' });
      },
      async (lab) => {
        await lab.edit({ image: IMAGE });
        await calmly(lab);
        await wishHyper(lab, 'On');
        await lab.annotate({ 'reboot.metal3.io': '' });
      },
      async (lab) => {
        await calmly(lab);
        await lab.annotate({ 'inspect.metal3.io': '' });
      },
      async (lab) => {
        await lab.edit({ image: IMAGE });
        await calmly(lab);
        await lab.edit({ image: null, online: false });
      },
      async (lab) => {
        await calmly(lab);
        await lab.remove();
      },
    ];
    for (const story of stories) {
      const undisturbed = await end(story, Number.POSITIVE_INFINITY);
      for (let kill = 1; kill <= undisturbed.writes; kill++) {
        const killed = await end(story, kill);
        assert.deepEqual(killed.final, undisturbed.final, `killed at write ${kill}`);
      }
    }
  });

  test('conflicts with other writers at any moment only cost time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.integer({ min: 0, max: 3 })), async (dice) => {
        const lab = new HostLab();
        await lab.secret();
        await lab.host({ image: IMAGE });
        let n = 0;
        lab.onPass = () => {
          n += 1;
        };
        const original = lab.store.get.bind(lab.store);
        lab.store.get = async (type, key) => {
          const found = await original(type, key);
          const busy = type.kind === 'BareMetalHost' && dice.next().value === 0;
          // Another writer is faster: the object just read is stale before it is used.
          if (busy) await lab.store.patch(BARE_METAL_HOST, KEY, { metadata: { labels: { n: String(n) } } });
          return found;
        };
        await lab.until((h) => h?.status?.provisioning.state === 'provisioned', 300);
      }),
      { numRuns: 30 },
    );
  });
});

suite('other writers', () => {
  test('an edit during the pass that ends provisioning does not make it happen twice', async () => {
    const lab = new HostLab();
    await lab.ready();
    await lab.edit({ image: IMAGE });
    const provision = lab.provisioner.provision.bind(lab.provisioner);
    lab.provisioner.provision = async (host, request) => {
      const outcome = await provision(host, request);
      await lab.store.patch(BARE_METAL_HOST, KEY, { metadata: { labels: { 'cluster.x-k8s.io/cluster-name': 'c' } } });
      return outcome;
    };
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'provisioned/OK');
    assert.equal(lab.provisioner.of('provision').length, 1);
    assert.equal((await lab.get()).metadata.labels?.['cluster.x-k8s.io/cluster-name'], 'c');
  });

  test('a status that somebody else wrote during the pass is not overwritten', async () => {
    const lab = new HostLab();
    await lab.ready();
    const powerState = lab.provisioner.powerState.bind(lab.provisioner);
    lab.provisioner.powerState = async () => {
      lab.provisioner.powerState = powerState;
      await lab.store.patchStatus(BARE_METAL_HOST, KEY, { status: { provisioningFailCount: 3 } });
      return { kind: 'done', poweredOn: false };
    };
    await lab.pass();
    assert.equal((await lab.status()).provisioningFailCount, 3);
    assert.equal((await lab.status()).poweredOn, true);
  });
});

function settledAs(
  status: { provisioning: { state: string; image?: { url: string } }; operationalStatus: string } | undefined,
  deploy: boolean,
): boolean {
  if (status?.operationalStatus !== 'OK') return false;
  const { state, image } = status.provisioning;
  return deploy ? state === 'provisioned' && image?.url === IMAGE.url : state === 'available';
}

/** Passes until the host rests, over kills. */
async function calmly(lab: HostLab): Promise<void> {
  for (let i = 0; i < 100; i++) {
    try {
      await lab.settle();
      return;
    } catch (error) {
      assert.match(String(error), /killed/);
      await lab.restart();
    }
  }
  assert.fail('no rest');
}

/** Plays a story, killing the engine at its `kill`-th write, and tells how it ended. */
async function end(story: (lab: HostLab) => Promise<void>, kill: number) {
  const lab = new HostLab();
  await lab.secret();
  await lab.host();
  let writes = 0;
  lab.store.beforeWrite = (_verb, type) => {
    if (type.kind === 'Event') return;
    writes += 1;
    if (writes === kill) throw new Error('killed');
  };
  await tolerant(lab, () => story(lab));
  await calmly(lab);
  const host = (await lab.exists()) ? await lab.get() : undefined;
  const { state, image, rootDeviceHints } = host?.status?.provisioning ?? {};
  const final = {
    state,
    image,
    rootDeviceHints,
    operational: host?.status?.operationalStatus,
    poweredOn: host?.status?.poweredOn,
    errorCount: host?.status?.errorCount,
    annotations: host?.metadata.annotations ?? {},
    finalizers: host?.metadata.finalizers,
    hardware: host?.status?.hardware,
    secret: (await lab.secretOf('bmc'))?.metadata.finalizers,
    data: (await lab.hardwareData())?.spec,
    settings: (await lab.store.list(HOST_FIRMWARE_SETTINGS))[0]?.status?.settings,
  };
  return { writes, final };
}

/** A person whose write is lost types it again. */
async function tolerant(lab: HostLab, story: () => Promise<void>): Promise<void> {
  for (let i = 0; i < 5; i++) {
    try {
      await story();
      return;
    } catch (error) {
      assert.match(String(error), /killed/);
      await lab.restart();
    }
  }
}

suite('host index', () => {
  const host = (
    name: string,
    extra: {
      mac?: string;
      state?: ProvisioningState;
      id?: string;
      created?: string;
      operational?: string;
      address?: string;
    },
  ) => ({
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BareMetalHost',
    metadata: {
      name,
      namespace: 'lab',
      uid: `uid-${name}`,
      creationTimestamp: extra.created ?? '2026-01-01T00:00:00Z',
    },
    spec: {
      online: true,
      ...(extra.mac === undefined ? {} : { bootMACAddress: extra.mac }),
      bmc: { address: extra.address ?? 'ipmi://x', credentialsName: 'c' },
    },
    status: {
      operationalStatus: (extra.operational ?? 'OK') as 'OK',
      errorMessage: '',
      errorCount: 0,
      provisioningFailCount: 0,
      poweredOn: false,
      provisioning: { state: extra.state ?? ('registering' as const), ID: extra.id ?? '' },
    },
  });
  const key = (name: string) => ({ namespace: 'lab', name });

  test('the slots taken never exceed the limit; settling without writing gives the slot back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom('take', 'busy', 'free', 'settle')), {
          maxLength: 60,
        }),
        (limit, steps) => {
          const index = new HostIndex();
          const held = new Set<string>();
          const busy = new Set<string>();
          for (const [n, step] of steps) {
            const name = `n${n}`;
            if (step === 'take') {
              const others = new Set([...held, ...busy].filter((x) => x !== name));
              const got = index.takeSlot(key(name), limit);
              assert.equal(got, others.size < limit);
              if (got) held.add(name);
            } else if (step === 'busy' && (held.has(name) || busy.has(name))) {
              index.observe(host(name, { state: 'inspecting' }));
              busy.add(name);
            } else if (step === 'free') {
              index.observe(host(name, { state: 'available' }));
              busy.delete(name);
            } else if (step === 'settle') {
              index.settle(key(name));
              held.delete(name);
            }
            assert.ok(new Set([...held, ...busy]).size <= limit);
          }
        },
      ),
    );
  });

  const busyRows: [string, Parameters<typeof host>[1], boolean][] = [
    ['inspecting', { state: 'inspecting' }, true],
    ['provisioning', { state: 'provisioning' }, true],
    ['deprovisioning', { state: 'deprovisioning' }, true],
    ['provisioned', { state: 'provisioned' }, false],
    ['failed inspection', { state: 'inspecting', operational: 'error' }, false],
    ['delayed', { state: 'inspecting', operational: 'delayed' }, false],
    ['virtual media', { state: 'inspecting', address: 'redfish-virtualmedia://x/y' }, false],
    ['UEFI HTTP counts for the others', { state: 'inspecting', address: 'redfish-uefihttp://x/y' }, true],
  ];
  for (const [name, extra, takes] of busyRows) {
    test(`slot of a host: ${name}`, () => {
      const index = new HostIndex();
      index.observe(host('a', extra));
      assert.equal(index.takeSlot(key('b'), 1), !takes);
      assert.equal(index.takeSlot(key('a'), 2), true, 'its own slot never stands in its way');
    });
  }

  const macRows: [string, Parameters<typeof host>[1], Parameters<typeof host>[1], string | undefined][] = [
    ['other case', { mac: '52:54:00:AA:00:01', id: '1' }, { mac: '52:54:00:aa:00:01' }, 'lab/a'],
    ['other separators', { mac: '52-54-00-aa-00-01', id: '1' }, { mac: '52:54:00:aa:00:01' }, 'lab/a'],
    ['different', { mac: '52:54:00:aa:00:02', id: '1' }, { mac: '52:54:00:aa:00:01' }, undefined],
    ['none', { id: '1' }, { mac: '52:54:00:aa:00:01' }, undefined],
    ['the registered one keeps it', { mac: '52:54:00:aa:00:01' }, { mac: '52:54:00:aa:00:01', id: '2' }, undefined],
    [
      'the older one wins',
      { mac: '52:54:00:aa:00:01', created: '2025-01-01T00:00:00Z' },
      { mac: '52:54:00:aa:00:01' },
      'lab/a',
    ],
    [
      'the younger one waits',
      { mac: '52:54:00:aa:00:01', created: '2027-01-01T00:00:00Z' },
      { mac: '52:54:00:aa:00:01' },
      undefined,
    ],
  ];
  for (const [name, a, b, owner] of macRows) {
    test(`boot MAC: ${name}`, () => {
      const index = new HostIndex();
      const second = host('b', b);
      index.observe(host('a', a));
      index.observe(second);
      assert.equal(index.bootMacOwner(second), owner);
    });
  }

  test('of two new hosts with one MAC exactly one waits', () => {
    const index = new HostIndex();
    const [a, b] = [host('a', { mac: '52:54:00:aa:00:01' }), host('b', { mac: '52:54:00:aa:00:01' })];
    index.observe(a);
    index.observe(b);
    const owners = [index.bootMacOwner(a), index.bootMacOwner(b)];
    assert.equal(owners.filter((o) => o === undefined).length, 1);
  });
});
