import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ProvisionRequest } from '../../src/provisioner/provisioner.ts';
import { imageErrors } from '../../src/image/errors.ts';
import { DIGEST, Engine, KEY, World } from '../support/engine.ts';
import { request } from '../support/sim-agent.ts';

const ORDER: ProvisionRequest = {
  restart: false,
  image: { url: 'http://images/os.qcow2', checksum: 'aa' },
  rootDeviceHints: { deviceName: '/dev/vda' },
  bootMode: 'UEFI',
  cleaning: 'metadata',
  config: { userData: Buffer.from('#cloud-config\n'), metaData: { uuid: 'u' }, networkData: undefined },
};

describe('provisioner: machines', () => {
  let world: World;
  let engine: Engine;

  beforeEach(async () => {
    world = new World();
    engine = await Engine.start(world);
    await world.addHost();
  });

  afterEach(async () => {
    await engine.kill();
    await world.end();
  });

  const inspect = () => engine.until((p, c) => p.inspect(c, { restart: false, force: false }));
  const provision = (order: Partial<ProvisionRequest> = {}) =>
    engine.until((p, c) => p.provision(c, { ...ORDER, ...order }));
  const deprovision = () => engine.until((p, c) => p.deprovision(c, { restart: false, cleaning: 'metadata' }));
  const kinds = () => (engine.book.status(KEY).timeline ?? []).map((e) => e.kind);

  it('says done again, and touches nothing, when the one who asked died before it stored the answer', async () => {
    assert.deepEqual(await provision(), { kind: 'done' });
    const writes = world.machine.writes.length;
    await engine.kill();
    engine = await Engine.start(world);
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.equal(world.machine.writes.length, writes);
    assert.equal(world.machine.running, `disk:${DIGEST}`);
    // Once it is known, the same order is a new one: after deprovisioning the image is written again.
    await engine.until((p, c) => p.adopt(c));
    assert.deepEqual(await deprovision(), { kind: 'done' });
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.equal(world.machine.running, `disk:${DIGEST}`);
    assert.ok(world.machine.writes.length > writes);
  });

  it('inspects, provisions and deprovisions', async () => {
    const seen = await inspect();
    assert.equal(seen?.kind, 'done');
    assert.equal(seen?.kind === 'done' && seen.details.systemVendor.manufacturer, 'Sim');
    assert.deepEqual(world.machine.writes, ['boot pxe once', 'on']);

    assert.deepEqual(await provision(), { kind: 'done' });
    assert.equal(world.machine.running, `disk:${DIGEST}`);
    const [vda, vdb] = world.machine.hardware.disks;
    assert.equal(vda?.image, DIGEST);
    assert.equal(vdb?.image, undefined);
    const files = Object.keys(vda?.configDrive ?? {});
    assert.ok(files.includes('openstack/latest/user_data'), files.join());
    const meta = JSON.parse(
      Buffer.from(vda?.configDrive?.['openstack/latest/meta_data.json'] ?? '', 'base64').toString(),
    );
    assert.equal(meta.name, 'node-0');
    // The living agent was used: one network boot for both.
    assert.deepEqual(world.machine.writes, ['boot pxe once', 'on', 'off', 'boot disk persistent', 'on']);
    const status = engine.book.status(KEY);
    assert.equal(status.boot?.intent, 'disk');
    assert.equal(status.disk?.serial, 'DISK0');
    await engine.until((p, c) => p.adopt(c));
    assert.equal(engine.book.status(KEY).operation, undefined);
    assert.equal(status.wait, undefined);

    assert.deepEqual(await deprovision(), { kind: 'done' });
    assert.equal(vda?.image, undefined);
    assert.equal(engine.book.status(KEY).disk, undefined);
    assert.ok(engine.book.status(KEY).cleanedAt);
    for (const kind of ['boot-network-set', 'power-on', 'http-script', 'agent-registered', 'image-written']) {
      assert.ok(kinds().includes(kind), `${kind} in ${kinds().join()}`);
    }
  });

  it('cleans before the first provisioning and not again after a deprovisioning', async () => {
    const tasks: string[] = [];
    world.machine.taskHook = (task) => void tasks.push(task.kind);
    await provision();
    await deprovision();
    await provision();
    assert.deepEqual(tasks, ['inspect', 'clean', 'write', 'finish', 'clean', 'inspect', 'write', 'finish']);
  });

  for (const kind of ['inspect', 'clean', 'write', 'finish']) {
    it(`goes on after a kill of the engine during ${kind}`, async () => {
      let killed = false;
      let hold: (() => void) | undefined;
      world.machine.taskHook = (task) => {
        if (task.kind !== kind || killed) return;
        killed = true;
        return new Promise((resolve) => (hold = resolve));
      };
      await engine.until((p, c) => p.provision(c, ORDER), { each: () => killed });
      await engine.kill();
      engine = await Engine.start(world);
      hold?.();
      assert.deepEqual(await provision(), { kind: 'done' });
      assert.equal(world.machine.running, `disk:${DIGEST}`);
      // The agent outlived the engine: nothing was power cycled for it.
      assert.equal(world.machine.writes.filter((w) => w === 'boot pxe once').length, 1);
    });
  }

  it('boots the ramdisk again when the machine loses power in the middle of the write', async () => {
    let cut = false;
    world.machine.taskHook = (task) => {
      if (task.kind !== 'write' || cut) return;
      cut = true;
      setImmediate(() => void world.machine.cutPower());
      return new Promise(() => {});
    };
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.equal(world.machine.hardware.disks[0]?.image, DIGEST);
    assert.equal(engine.book.status(KEY).attempt, 2);
    assert.ok(kinds().includes('agent-lost'));
  });

  it('issues a task again that failed and is worth retrying, and gives up on one that is not', async () => {
    let failures = 2;
    world.machine.taskHook = (task) => {
      if (task.kind === 'write' && failures-- > 0) throw new Error('link flapped, again please');
    };
    assert.deepEqual(await provision(), { kind: 'done' });
    world.machine.taskHook = (task) => {
      if (task.kind === 'clean') throw new Error('EIO');
    };
    const outcome = await deprovision();
    assert.equal(outcome?.kind, 'failed');
    assert.match(outcome?.kind === 'failed' ? outcome.message : '', /EIO/);
    world.machine.taskHook = () => {};
    assert.deepEqual(await deprovision(), { kind: 'done' });
  });

  it('explains an agent that never comes, after the boots it may use', async () => {
    world.limits.agentBootMs = 1200;
    world.limits.boots = 2;
    world.machine.deaf = true;
    const outcome = await inspect();
    assert.equal(outcome?.kind, 'failed');
    assert.equal(outcome?.kind === 'failed' && outcome.code, 'AGENT_NOT_REGISTERED');
    assert.match(
      outcome?.kind === 'failed' ? outcome.message : '',
      /2 boots.*no DHCP request from 52:54:00:12:00:01 seen/,
    );
    assert.equal(engine.book.status(KEY).attempt, 2);
    world.machine.deaf = false;
    assert.equal((await inspect())?.kind, 'done');
  });

  it('boots a machine again that asked while the engine was down, long before its agent is overdue', async () => {
    Object.assign(world.limits, { agentBootMs: 60_000, missedBootMs: 2500, bootRetriesMs: 300 });
    world.machine.deaf = true;
    await engine.until((p, c) => p.inspect(c, { restart: false, force: false }), {
      each: () => engine.book.status(KEY).ramdiskBoot?.step === 'wait-agent',
    });
    await engine.kill();
    // Its firmware asks now, hears nothing, and stops. Stamps are whole seconds: the new engine starts in a later one.
    await new Promise((resolve) => setTimeout(resolve, 2100));
    engine = await Engine.start(world);
    world.machine.deaf = false;
    assert.equal((await inspect())?.kind, 'done');
    assert.equal(engine.book.status(KEY).attempt, 2);
    assert.deepEqual(world.machine.writes, ['boot pxe once', 'on', 'off', 'boot pxe once', 'on']);
    assert.ok(kinds().includes('ramdisk-boot-missed'), kinds().join());
  });

  it('refuses hints that no disk matches, with every disk’s reason, and writes nothing', async () => {
    const outcome = await provision({ rootDeviceHints: { serialNumber: 'NONE' } });
    assert.equal(outcome?.kind, 'failed');
    assert.match(outcome?.kind === 'failed' ? outcome.message : '', /serialNumber: "NONE".*\/dev\/vda.*\/dev\/vdb/);
    assert.ok(world.machine.hardware.disks.every((d) => d.image === undefined));
  });

  it('fails on a missing image before it touches the machine', async () => {
    world.imageFailure = imageErrors.make('IMAGE_NOT_FOUND', 'http://images/os.qcow2: 404');
    const outcome = await provision();
    assert.deepEqual(outcome, { kind: 'failed', code: 'IMAGE_NOT_FOUND', message: 'http://images/os.qcow2: 404' });
    assert.deepEqual(world.machine.writes, []);
    world.imageFailure = undefined;
    assert.deepEqual(await provision(), { kind: 'done' });
  });

  it('waits for an image by name, and not for ever', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    world.imageHold = promise;
    world.limits.imageMs = 600;
    const outcome = await provision({ image: { ...ORDER.image, url: 'http://user:pw@images/os.qcow2' } });
    assert.equal(outcome?.kind === 'failed' && outcome.code, 'PROVISION_IMAGE_LATE');
    resolve();
    world.limits.imageMs = 60_000;
    assert.deepEqual(await provision(), { kind: 'done' });
  });

  it('refuses an image larger than the disk', async () => {
    const [vda] = world.machine.hardware.disks;
    assert.ok(vda);
    vda.sizeBytes = 4 << 20;
    const outcome = await provision();
    assert.equal(outcome?.kind === 'failed' && outcome.code, 'PROVISION_IMAGE_TOO_LARGE');
    assert.equal(vda.image, undefined);
  });

  it('lets a deprovisioning take over from a provisioning under way', async () => {
    let writing = false;
    world.machine.taskHook = (task) => {
      if (task.kind !== 'write') return;
      writing = true;
      return new Promise((resolve) => setTimeout(resolve, 300));
    };
    await engine.until((p, c) => p.provision(c, ORDER), { each: () => writing });
    assert.deepEqual(await deprovision(), { kind: 'done' });
    assert.ok(world.machine.hardware.disks.every((d) => d.image === undefined));
  });

  it('powers off and on: an idle machine waits in the ramdisk, a deployed one boots its disk', async () => {
    await engine.until((p, c) => p.powerOn(c, { force: false }));
    assert.deepEqual(world.machine.writes, ['boot pxe once', 'on']);
    await provision();
    await world.store.patchStatus((await import('../../src/api/resources.ts')).BARE_METAL_HOST, KEY, {
      status: {
        operationalStatus: 'OK',
        errorMessage: '',
        errorCount: 0,
        provisioningFailCount: 0,
        poweredOn: true,
        provisioning: { state: 'provisioned', ID: 'x' },
      },
    });
    await engine.until((p, c) => p.powerOff(c, { mode: 'hard', force: false }));
    assert.equal(world.machine.running, 'off');
    assert.equal(engine.book.status(KEY).boot?.intent, 'disk');
    await engine.until((p, c) => p.powerOn(c, { force: false }));
    assert.equal(world.machine.running, `disk:${DIGEST}`);
  });

  it('has the prepared image checked, once, when its frames come damaged, and writes again', async () => {
    let damaged = 0;
    world.machine.taskHook = (task) => {
      if (task.kind !== 'write' || damaged++ > 0) return;
      throw Object.assign(new Error('image frame 1 is damaged, again'), { code: 'WRITE_FRAME_CORRUPT' });
    };
    const before = world.imageCalls;
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.deepEqual(world.rechecked, [DIGEST]);
    assert.ok(world.imageCalls - before >= 3, 'prepared for the first write and for the second');
    assert.ok(kinds().includes('image-rechecked'));
    assert.equal(world.machine.running, `disk:${DIGEST}`);
  });

  it('takes a token once, and only for the boot it was made for', async () => {
    await inspect();
    const { agent, attempt } = engine.book.status(KEY);
    assert.equal(agent?.attempt, attempt);
    const url = `https://127.0.0.1:${world.ports.agent}/agent/v1/register`;
    const body = {
      token: 'wrong',
      bootMac: world.machine.hardware.mac,
      agentVersion: 'x',
      smbios: {},
      nics: [],
      firmware: 'uefi',
      clockMs: 0,
      uptimeSeconds: 1,
    };
    assert.equal((await request('POST', url, { body })).status, 403);
    const { AgentTokens } = await import('../../src/boot/tokens.ts');
    const uid = (await engine.context()).host.metadata.uid ?? '';
    const token = new AgentTokens(world.secret).bootToken({ hostUid: uid, attempt: attempt ?? 0 }, body.bootMac);
    const second = await request('POST', url, { body: { ...body, token } });
    assert.equal(second.status, 403);
    assert.match(second.body, /used before/);
    assert.equal((await request('POST', url, { body: { token } })).status, 400);
    assert.equal((await request('GET', url.replace('register', 'task'), { bearer: 'bm8vbmU.xx' })).status, 401);
  });

  it('gives a machine that rebooted by itself a new attempt and goes on', async () => {
    world.limits.agentSuspectMs = 60_000;
    let crashed = false;
    world.machine.taskHook = (task) => {
      if (task.kind !== 'write' || crashed) return;
      crashed = true;
      return new Promise(() => {});
    };
    await engine.until((p, c) => p.provision(c, ORDER), { each: () => crashed });
    world.machine.override = { device: 'pxe', persistence: 'persistent', firmware: 'uefi' };
    const before = engine.sessions.silentMs.bind(engine.sessions);
    engine.sessions.silentMs = (key) => {
      const silent = before(key);
      return silent === undefined ? undefined : silent + 13_000;
    };
    await world.machine.crash();
    await new Promise((resolve) => setTimeout(resolve, 300));
    engine.sessions.silentMs = before;
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.equal(engine.book.status(KEY).attempt, 2);
    assert.ok(kinds().includes('agent-rebooted'));
  });

  it('gives up on a machine whose ramdisk crashes again and again', async () => {
    world.limits.agentSuspectMs = 60_000;
    world.limits.agentLostMs = 60_000;
    const before = engine.sessions.silentMs.bind(engine.sessions);
    engine.sessions.silentMs = (key) => {
      const silent = before(key);
      return silent === undefined ? undefined : silent + 13_000;
    };
    world.machine.taskHook = (task) => {
      if (task.kind !== 'write') return;
      world.machine.override = { device: 'pxe', persistence: 'persistent', firmware: 'uefi' };
      setImmediate(() => void world.machine.crash());
      return new Promise(() => {});
    };
    const outcome = await provision();
    assert.equal(outcome?.kind === 'failed' && outcome.code, 'AGENT_NOT_REGISTERED');
    // How often it came back before a pass saw it is a matter of luck; that it ends is not.
    assert.ok((engine.book.status(KEY).attempt ?? 0) > world.limits.boots);
  });
});
