import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import { BARE_METAL_HOST, SECRET } from '../../src/api/resources.ts';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { diagnoseBoot } from '../../src/boot/diagnose.ts';
import { explain } from '../../src/boot/explain.ts';
import { completeStatus } from '../../src/host/status.ts';
import type { ProvisionRequest } from '../../src/provisioner/provisioner.ts';
import { DIGEST, Engine, KEY, World } from '../support/engine.ts';
import type { SimMachine } from '../support/sim-machine.ts';
import { SimMedia } from '../support/sim-media.ts';

const ORDER: ProvisionRequest = {
  restart: false,
  image: { url: 'http://images/os.qcow2', checksum: 'aa' },
  rootDeviceHints: { deviceName: '/dev/vda' },
  bootMode: 'UEFI',
  cleaning: 'metadata',
  config: { userData: undefined, metaData: {}, networkData: undefined },
};

const bmc = (scheme: string) => ({ bmc: { address: `${scheme}://sim`, credentialsName: 's' } });

/** The BMC of a machine, whose answer to that write never comes. */
function deafAfter(machine: SimMachine, media: SimMedia, write: string): Bmc {
  const answered = async <T>(result: Promise<T>): Promise<T> => {
    const value = await result;
    return machine.writes.at(-1) === write ? new Promise<never>(() => {}) : value;
  };
  return {
    address: machine.address,
    verify: () => machine.verify(),
    powerState: () => machine.powerState(),
    setPower: (action) => answered(machine.setPower(action)),
    bootOverride: () => machine.bootOverride(),
    setBootOverride: (override) => answered(machine.setBootOverride(override)),
    media: {
      slots: () => media.slots(),
      insert: (url) => answered(media.insert(url)),
      eject: () => answered(media.eject()),
    },
    close: () => Promise.resolve(),
  };
}

async function until(look: () => boolean): Promise<void> {
  const end = Date.now() + 15_000;
  while (!look()) {
    if (Date.now() > end) throw new Error('it does not happen');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('provisioner: machines that boot the ramdisk from an ISO', () => {
  let world: World;
  let engine: Engine;
  let media: SimMedia;

  beforeEach(async () => {
    world = new World();
    media = new SimMedia(world.machine.writes);
    world.machine.media = media;
    engine = await Engine.start(world);
  });

  afterEach(async () => {
    await engine.kill();
    await world.end();
  });

  /** A host without a boot MAC address: nobody needs to know one (metal3-compat §3.4). */
  async function addHost(spec: Partial<BareMetalHost['spec']>): Promise<BareMetalHost> {
    const host = await world.addHost(spec);
    const { bootMACAddress: _, ...rest } = host.spec;
    return world.store.update(BARE_METAL_HOST, { ...host, spec: rest });
  }

  const inspect = () => engine.until((p, c) => p.inspect(c, { restart: false, force: false }));
  const provision = () => engine.until((p, c) => p.provision(c, ORDER));
  const kinds = () => (engine.book.status(KEY).timeline ?? []).map((e) => e.kind);

  it('inserts, boots the virtual CD once, ejects as soon as the ramdisk runs, and then boots the disk', async () => {
    await addHost(bmc('redfish-virtualmedia'));
    assert.equal((await inspect())?.kind, 'done');
    assert.deepEqual(world.machine.writes, ['insert', 'boot cdrom once', 'on', 'eject']);
    assert.equal(engine.book.status(KEY).media, undefined);
    assert.equal(kinds().filter((k) => k.startsWith('dhcp')).length, 0);

    assert.deepEqual(await provision(), { kind: 'done' });
    assert.equal(world.machine.running, `disk:${DIGEST}`);
    assert.deepEqual(world.machine.writes.slice(4), ['off', 'boot disk persistent', 'on']);

    // The next ramdisk is another boot: another URL, another token.
    const first = media.image;
    assert.deepEqual(await engine.until((p, c) => p.deprovision(c, { restart: false, cleaning: 'metadata' })), {
      kind: 'done',
    });
    assert.deepEqual(world.machine.writes.slice(7), ['off', 'insert', 'boot cdrom once', 'on', 'eject']);
    assert.equal(first, undefined);
    assert.equal(engine.book.status(KEY).attempt, 2);
  });

  it('tells firmware that boots by HTTP where the ISO is, and inserts nothing', async () => {
    await addHost(bmc('redfish-uefihttp'));
    assert.equal((await inspect())?.kind, 'done');
    assert.deepEqual(world.machine.writes, ['boot http once', 'on']);
    assert.match(world.machine.override.httpUri ?? '', /\/media\/lab\/1\/.*\/node-0\.iso$/);
    assert.equal(engine.book.status(KEY).media, undefined);
  });

  it('goes on after kill -9 at any write to the BMC', async () => {
    await addHost(bmc('redfish-virtualmedia'));
    const { writes } = world.machine;
    for (const step of ['insert', 'boot cdrom once', 'on', 'eject']) {
      // The BMC has done it, and the engine dies before it knows.
      world.bmc = deafAfter(world.machine, media, step);
      const died = engine;
      void died.until((p, c) => p.inspect(c, { restart: false, force: false })).catch(() => {});
      await until(() => writes.at(-1) === step && (step !== 'on' || died.book.status(KEY).agent !== undefined));
      await died.kill();
      engine = await Engine.start(world);
    }
    world.bmc = undefined;
    assert.equal((await inspect())?.kind, 'done');
    assert.equal(media.image, undefined);
    assert.equal(engine.book.status(KEY).attempt, 1);
    // What was done and is not known to be done is done again, but for starting the machine: that can be seen.
    const twice = ['insert', 'insert', 'boot cdrom once', 'boot cdrom once', 'on', 'eject'];
    assert.deepEqual(writes, twice);
  });

  it('ejects before the disk is booted what could not be ejected before', async () => {
    await addHost(bmc('redfish-virtualmedia'));
    let refusals = 0;
    media.trouble = (call) => {
      if (call !== 'eject' || world.machine.running === 'off') return;
      refusals += 1;
      throw bmcErrors.make('BMC_COMMAND_REFUSED', 'the CD is in use');
    };
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.equal(refusals, 1, 'a BMC that will not is not asked on and on');
    assert.ok(kinds().includes('bmc-trouble'));
    assert.deepEqual(world.machine.writes.slice(-4), ['off', 'eject', 'boot disk persistent', 'on']);
    assert.equal(media.image, undefined);
  });

  it('ejects when a machine in the ramdisk is switched off', async () => {
    await addHost(bmc('redfish-virtualmedia'));
    world.machine.deaf = true;
    await engine.until((p, c) => p.inspect(c, { restart: false, force: false }), {
      each: () => world.machine.running === 'firmware',
    });
    assert.deepEqual(await engine.until((p, c) => p.powerOff(c, { mode: 'soft', force: false })), { kind: 'done' });
    assert.deepEqual(world.machine.writes.slice(-2), ['off', 'eject']);
  });

  it('says which way a boot lacks: the BMC fetches nothing, or the ramdisk does not come', async () => {
    const host = await addHost(bmc('redfish-virtualmedia'));
    world.machine.deaf = true;
    await engine.until((p, c) => p.inspect(c, { restart: false, force: false }), {
      each: () => world.machine.running === 'firmware' && engine.book.status(KEY).wait !== undefined,
    });
    const status = engine.book.status(KEY);
    const { check } = explain(host, status, Date.now());
    assert.match(check[0] ?? '', /^powered on \d+ s ago, the BMC has not fetched the ISO; check that it reaches/);
    const reply = await fetch(media.image ?? '', { headers: { range: 'bytes=0-99999' } });
    await reply.arrayBuffer();
    // The last piece is counted when the client has it.
    await until(() => engine.book.status(KEY).mediaFetch?.percent === 20);
    const text = diagnoseBoot(engine.book.status(KEY), undefined, Date.now());
    assert.match(text, /the BMC has fetched 20 % of the ISO, last \d+ s ago, but the agent has not registered/);
    const outcome = await inspect();
    assert.equal(outcome?.kind === 'failed' && outcome.code, 'AGENT_NOT_REGISTERED');
    assert.equal(outcome?.kind === 'failed' && /ISO/.test(outcome.message), true);
  });

  it('fails at once where the BMC has no virtual CD', async () => {
    await addHost(bmc('redfish-virtualmedia'));
    delete world.machine.media;
    const outcome = await inspect();
    assert.deepEqual([outcome?.kind, outcome?.kind === 'failed' && outcome.code], ['failed', 'BMC_UNSUPPORTED']);
  });

  it('does not touch a machine whose network data are missing or wrong, and goes on when they are mended', async () => {
    await addHost({ ...bmc('redfish-virtualmedia'), preprovisioningNetworkDataName: 'net' });
    const missing = await inspect();
    assert.deepEqual(missing?.kind === 'failed' && missing.code, 'HOST_NETWORK_DATA_MISSING');
    const secret = (value: unknown) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: KEY.namespace, name: 'net' },
      data: { value: Buffer.from(JSON.stringify(value)).toString('base64') },
    });
    const made = await world.store.create(SECRET, secret({ links: [], networks: [{ link: 'x', type: 'ipv4' }] }));
    const wrong = await inspect();
    assert.equal(wrong?.kind === 'failed' && wrong.code, 'HOST_NETWORK_DATA_INVALID');
    assert.match(
      wrong?.kind === 'failed' ? wrong.message : '',
      /Secret net: networks\[0\]\.ip_address: a text is wanted/,
    );
    assert.deepEqual(world.machine.writes, []);
    const { metadata } = await world.store.get(SECRET, { namespace: KEY.namespace, name: 'net' });
    const right = secret({
      links: [{ id: 'l', type: 'phy', ethernet_mac_address: '52:54:00:00:00:01' }],
      networks: [{ link: 'l', type: 'ipv4_dhcp' }],
    });
    await world.store.update(SECRET, { ...right, metadata: { ...made.metadata, ...metadata } });
    assert.equal((await inspect())?.kind, 'done');
  });

  it('shows nobody the URL that lets machines in', async () => {
    await addHost(bmc('redfish-virtualmedia'));
    media.insert = (url) =>
      Promise.reject(bmcErrors.make('BMC_MEDIA_NOT_ACCEPTED', `slot Cd: cannot fetch ${url}`, { seen: { url } }));
    const outcome = await inspect();
    assert.equal(outcome?.kind === 'failed' && outcome.code, 'BMC_MEDIA_NOT_ACCEPTED');
    const told = JSON.stringify([outcome, engine.book.status(KEY)]);
    assert.match(told, /cannot fetch http:\/\/127\.0\.0\.1:\d+\/media\/lab\/1\/\[redacted\]\/node-0\.iso/);
    assert.doesNotMatch(told, /\/media\/lab\/1\/(?!\[redacted\])/);
  });

  it('runs a machine from an ISO of the user’s own, at every start, until it is deprovisioned', async () => {
    await addHost(bmc('redfish-virtualmedia'));
    const live = { url: 'http://images/live.iso', format: 'live-iso' as const };
    const provisionLive = () => engine.until((p, c) => p.provision(c, { ...ORDER, image: live }));
    assert.equal((await inspect())?.kind, 'done');
    world.machine.writes.length = 0;
    assert.deepEqual(await provisionLive(), { kind: 'done' });
    assert.deepEqual(world.machine.writes, ['off', 'insert', 'boot cdrom persistent', 'on']);
    assert.equal(media.image, live.url);
    assert.equal(world.imageCalls, 0);
    await engine.until((p, c) => p.adopt(c));

    const host = await world.store.get(BARE_METAL_HOST, KEY);
    const status = { ...completeStatus(undefined), provisioning: { state: 'provisioned' as const, ID: 'x' } };
    await world.store.updateStatus(BARE_METAL_HOST, { ...host, status });
    await engine.until((p, c) => p.powerOff(c, { mode: 'hard', force: false }));
    await engine.until((p, c) => p.powerOn(c, { force: false }));
    assert.equal(media.image, live.url, 'it stays inserted over a restart');
    assert.deepEqual(world.machine.writes.slice(4), ['off', 'on']);

    // Without cleaning it is only taken out; with it, the ramdisk takes its place.
    assert.deepEqual(await engine.until((p, c) => p.deprovision(c, { restart: false, cleaning: 'disabled' })), {
      kind: 'done',
    });
    assert.deepEqual(world.machine.writes.slice(6), ['off', 'eject']);
    assert.equal(engine.book.status(KEY).liveIso, undefined);
    assert.deepEqual(await provisionLive(), { kind: 'done' });
    await engine.until((p, c) => p.adopt(c));
    assert.deepEqual(await engine.until((p, c) => p.deprovision(c, { restart: false, cleaning: 'metadata' })), {
      kind: 'done',
    });
    assert.deepEqual([media.image, engine.book.status(KEY).liveIso], [undefined, undefined]);
  });
});
