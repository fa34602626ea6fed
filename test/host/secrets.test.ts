import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import type { BareMetalHost, BareMetalHostSpec } from '../../src/api/baremetalhost.ts';
import type { Secret } from '../../src/api/core-types.ts';
import type { OwnerReference } from '../../src/api/meta.ts';
import { SECRET } from '../../src/api/resources.ts';
import { buildConfigData, configReferences, foreignReference } from '../../src/host/config-data.ts';
import { claimPatch, readCredentials, releasePatch } from '../../src/host/credentials.ts';
import { HostLab, IMAGE, KEY } from '../support/host-lab.ts';

const FINALIZER = 'baremetalhost.metal3.io/secret';
const LABEL = { 'environment.metal3.io': 'baremetal' };

function host(spec: Partial<BareMetalHostSpec> = {}): BareMetalHost {
  return {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BareMetalHost',
    metadata: { name: 'node-0', namespace: 'lab', uid: 'uid-0' },
    spec: { online: true, ...spec },
  };
}

const OWNER: OwnerReference = { apiVersion: 'metal3.io/v1alpha1', kind: 'BareMetalHost', name: 'node-0', uid: 'uid-0' };

function secret(data: Record<string, string | Uint8Array>, meta: Partial<Secret['metadata']> = {}): Secret {
  const encoded = Object.entries(data).map(([k, v]) => [k, Buffer.from(v).toString('base64')]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'lab', resourceVersion: '7', ...meta },
    data: Object.fromEntries(encoded),
  };
}

suite('BMC credentials', () => {
  test('are trimmed', () => {
    const found = readCredentials(secret({ username: ' admin\n', password: '\tp w \n' }));
    assert.deepEqual(found, { username: 'admin', password: 'p w' });
    const withKey = readCredentials(secret({ username: 'admin', password: 'p', kg: ' 0x00ff \n' }));
    assert.equal(withKey.kg, '0x00ff');
  });

  test('may bring the CA of the BMC', () => {
    const found = readCredentials(secret({ username: 'admin', password: 'pw', 'ca.crt': '-----BEGIN …\n' }));
    assert.deepEqual(found, { username: 'admin', password: 'pw', ca: '-----BEGIN …' });
  });

  const bad: [string, Record<string, string>, RegExp][] = [
    ['no username', { password: 'p' }, /no username/],
    ['no password', { username: 'u' }, /no password/],
    ['blank password', { username: 'u', password: ' \n' }, /no password/],
    ['nothing', {}, /no username/],
  ];
  for (const [name, data, message] of bad) {
    test(`${name}: refused, the value is not in the message`, () => {
      assert.throws(() => readCredentials(secret(data)), { code: 'HOST_CREDENTIALS_INVALID', message });
    });
  }

  test('claiming adds label, owner and finalizer, conditionally', () => {
    assert.deepEqual(claimPatch(secret({}), host()), {
      metadata: { resourceVersion: '7', labels: LABEL, ownerReferences: [OWNER], finalizers: [FINALIZER] },
    });
  });

  test('claiming keeps what others wrote and downgrades an old controller reference', () => {
    const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', uid: 'x' };
    const claimed = claimPatch(
      secret({}, { ownerReferences: [other, { ...OWNER, controller: true }], finalizers: ['else'] }),
      host(),
    ) as { metadata: Record<string, unknown> };
    assert.deepEqual(claimed.metadata['ownerReferences'], [other, OWNER]);
    assert.deepEqual(claimed.metadata['finalizers'], ['else', FINALIZER]);
  });

  test('a claimed Secret is left alone', () => {
    const claimed = secret({}, { ownerReferences: [OWNER], finalizers: [FINALIZER], labels: LABEL });
    assert.equal(claimPatch(claimed, host()), undefined);
  });

  test('a Secret that is being deleted gets no new finalizer: the API would refuse it', () => {
    const dying = secret({}, { deletionTimestamp: 'x', finalizers: ['else'] });
    const patch = claimPatch(dying, host()) as { metadata: Record<string, unknown> };
    assert.deepEqual(patch.metadata['finalizers'], ['else']);
  });

  test('releasing takes the finalizer, unless another host still owns the Secret', () => {
    const mine = secret({}, { ownerReferences: [OWNER], finalizers: ['else', FINALIZER] });
    assert.deepEqual(releasePatch(mine, host(), 'keep'), {
      metadata: { resourceVersion: '7', finalizers: ['else'], ownerReferences: [OWNER] },
    });
    const other = { ...OWNER, name: 'node-1', uid: 'uid-1' };
    const shared = secret({}, { ownerReferences: [OWNER, other], finalizers: [FINALIZER] });
    assert.deepEqual(releasePatch(shared, host(), 'keep'), {
      metadata: { resourceVersion: '7', finalizers: [FINALIZER], ownerReferences: [other] },
    });
    assert.equal(releasePatch(secret({}), host(), 'keep'), undefined);
  });
});

suite('credentials in the life of a host', () => {
  test('the version recorded is the one after claiming: no second registration', async () => {
    const lab = new HostLab();
    const { status } = await lab.ready();
    const found = await lab.secretOf('bmc');
    assert.equal(status?.goodCredentials?.credentialsVersion, found?.metadata.resourceVersion);
    assert.deepEqual(found?.metadata.labels, LABEL);
    assert.deepEqual(found?.metadata.finalizers, [FINALIZER]);
    assert.equal(found?.metadata.ownerReferences?.[0]?.controller, undefined);
    assert.equal(lab.provisioner.of('register').length, 1);
  });

  test('a new password is verified without leaving the state', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.trace.length = 0;
    await lab.changeSecret({ password: 'rotated' });
    const { status } = await lab.settled();
    assert.deepEqual(lab.trace, ['provisioned/OK']);
    const call = lab.provisioner.of('register').at(-1);
    assert.deepEqual(call?.options, { restart: false, credentialsChanged: true });
    assert.equal(call?.context.credentials?.password, 'rotated');
    assert.equal(status?.goodCredentials?.credentialsVersion, status?.triedCredentials?.credentialsVersion);
    assert.ok(status?.operationHistory?.register?.end);
    assert.equal((await lab.events('BMCAccessValidated')).length, 2);
    assert.equal(await lab.metric('metal3_credentials_updated_total'), 1);
  });

  test('a wrong new password: the good one stays on record, the host stays in its state', async () => {
    const lab = new HostLab();
    const { status: before } = await lab.ready({ image: IMAGE });
    lab.provisioner.fail('register', 'refused', 2);
    await lab.changeSecret({ password: 'wrong' });
    await lab.settle();
    const status = await lab.status();
    assert.equal(`${status.provisioning.state}/${status.errorType}`, 'provisioned/registration error');
    assert.deepEqual(status.goodCredentials, before?.goodCredentials);
    assert.notDeepEqual(status.triedCredentials, before?.goodCredentials);
    assert.equal(await lab.metric('metal3_credentials_no_management_access_total'), 1);
    await lab.until((h) => h?.status?.operationalStatus === 'OK');
    assert.equal((await lab.status()).errorCount, 0);
  });

  test('another credentialsName: the old Secret is given up, once the new one is good', async () => {
    const lab = new HostLab();
    await lab.ready();
    await lab.secret('next');
    await lab.edit({ bmc: { credentialsName: 'next' } });
    const { status } = await lab.settled();
    assert.equal(status?.goodCredentials?.credentials?.name, 'next');
    const old = await lab.secretOf('bmc');
    assert.ok(old);
    assert.deepEqual(old?.metadata.finalizers ?? [], []);
    assert.deepEqual(old?.metadata.ownerReferences ?? [], []);
    assert.deepEqual((await lab.secretOf('next'))?.metadata.finalizers, [FINALIZER]);
  });

  test('a Secret that never worked is given up too', async () => {
    const lab = new HostLab();
    lab.provisioner.fail('register', 'refused');
    await lab.secret();
    await lab.host();
    await lab.settle();
    await lab.secret('next');
    await lab.edit({ bmc: { credentialsName: 'next' } });
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'available/OK');
    const left = await lab.secretOf('bmc');
    assert.ok(left);
    assert.deepEqual(left.metadata.finalizers ?? [], []);
  });

  test('a shared Secret survives the first deletion', async () => {
    const lab = new HostLab();
    await lab.ready();
    const other = { ...KEY, name: 'node-1' };
    await lab.bareHost(
      { online: true, bmc: { address: 'ipmi://192.0.2.2', credentialsName: 'bmc' } },
      { name: 'node-1' },
    );
    await lab.settle({ key: other });
    await lab.remove();
    await lab.settle();
    assert.deepEqual((await lab.secretOf('bmc'))?.metadata.finalizers, [FINALIZER]);
    await lab.settle({ key: other });
    assert.equal((await lab.get(other)).status?.provisioning.state, 'available');
    await lab.remove(other);
    await lab.settle({ key: other });
    assert.equal(await lab.secretOf('bmc'), undefined);
  });

  const unusable: [string, Partial<BareMetalHostSpec>, Record<string, string>, RegExp][] = [
    ['empty address', { bmc: { address: '', credentialsName: 'bmc' } }, {}, /spec\.bmc\.address is empty/],
    ['empty name', { bmc: { address: 'ipmi://x', credentialsName: '' } }, {}, /spec\.bmc\.credentialsName is empty/],
    ['no password', {}, { username: 'u' }, /has no password/],
  ];
  for (const [name, spec, data, message] of unusable) {
    test(`${name}: an error that waits for an edit`, async () => {
      const lab = new HostLab();
      await lab.secret('bmc', data);
      await lab.host(spec);
      for (let i = 0; i < 3; i++) await lab.pass();
      const status = await lab.status();
      assert.equal(`${status.provisioning.state}/${status.errorType}`, 'registering/registration error');
      assert.match(status.errorMessage, message);
      assert.equal((await lab.events('BMCCredentialError')).length, 1);
      assert.equal(await lab.metric('metal3_credentials_invalid_total'), 1);
      assert.equal((await lab.pass()).requeueMs, undefined);
      assert.equal(lab.provisioner.calls.length, 0);
    });
  }

  for (const code of ['BMC_SCHEME_UNKNOWN', 'BMC_ADDRESS_INVALID', 'BMC_SCHEME_REMOVED']) {
    test(`${code}: waits for another address, which is tried at once`, async () => {
      const lab = new HostLab();
      lab.provisioner.failAlways('register', 'spec.bmc.address: no driver for xyz://', code);
      await lab.ready({ bmc: { address: 'xyz://192.0.2.1', credentialsName: 'bmc' } });
      const status = await lab.status();
      assert.equal(`${status.provisioning.state}/${status.errorType}`, 'registering/registration error');
      assert.match(status.errorMessage, new RegExp(`xyz.*${code}`));
      assert.equal((await lab.events('BMCCredentialError')).length, 1);
      assert.equal((await lab.events('RegistrationError')).length, 0);
      lab.provisioner.heal('register');
      await lab.edit({ bmc: { address: 'ipmi://192.0.2.1' } });
      await lab.settle();
      assert.equal(lab.trace.at(-1), 'available/OK');
    });
  }

  const macs: [string, Partial<BareMetalHostSpec>, RegExp][] = [
    ['missing, inspection disabled', { bootMACAddress: '', inspectionMode: 'disabled' }, /inspection is disabled/],
    [
      'missing, libvirt',
      { bootMACAddress: '', bmc: { address: 'libvirt://192.0.2.1', credentialsName: 'bmc' } },
      /libvirt requires it/,
    ],
    ['not a MAC', { bootMACAddress: '52:54:00:00:00:01:02' }, /"52:54:00:00:00:01:02" is not a MAC address/],
  ];
  for (const [name, spec, message] of macs) {
    test(`boot MAC ${name}: refused before the BMC is asked`, async () => {
      const lab = new HostLab();
      const { bootMACAddress = '', ...rest } = spec;
      const bmc = { address: 'ipmi://192.0.2.1', credentialsName: 'bmc' };
      const mac = bootMACAddress === '' ? {} : { bootMACAddress };
      await lab.secret();
      await lab.bareHost({ online: true, bmc, ...rest, ...mac });
      await lab.settle();
      assert.match((await lab.status()).errorMessage, message);
      assert.equal(lab.provisioner.calls.length, 0);
      assert.equal((await lab.pass()).requeueMs, undefined);
      await lab.edit({ bootMACAddress: '52:54:00:00:00:09' });
      await lab.settle();
      assert.equal(lab.trace.at(-1), 'available/OK');
    });
  }

  test('an unknown hardware profile is a registration error that names it', async () => {
    const lab = new HostLab();
    await lab.ready({ hardwareProfile: 'mine' });
    const status = await lab.status();
    assert.equal(status.errorType, 'registration error');
    assert.match(status.errorMessage, /spec\.hardwareProfile: "mine"/);
    await lab.edit({ hardwareProfile: 'empty' });
    await lab.settle();
    assert.deepEqual((await lab.status()).provisioning.rootDeviceHints, {});
  });

  test('a Secret lost later: an error in the state, gone when it is back', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.store.patch(SECRET, { ...KEY, name: 'bmc' }, { metadata: { finalizers: [] } });
    await lab.store.delete(SECRET, { ...KEY, name: 'bmc' });
    const { requeueMs } = await lab.pass();
    assert.equal(requeueMs, 10_000);
    assert.equal(lab.trace.at(-1), 'provisioned/error');
    await lab.secret();
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'provisioned/OK');
    assert.equal((await lab.status()).errorMessage, '');
  });

  test('passwords and user data are in no log, event, status or metric', async () => {
    const lab = new HostLab();
    await lab.secret('bmc', { username: 'admin', password: 'hunter2-secret' });
    await lab.secret('data', { userData: 'join-token-secret', metaData: '{bad' });
    lab.provisioner.fail('register', 'refused');
    await lab.host({ image: IMAGE, userData: { name: 'data' }, metaData: { name: 'data' } });
    for (let i = 0; i < 30; i++) await lab.clock.advance((await lab.pass()).requeueMs ?? 0);
    const told = JSON.stringify([lab.logs, await lab.events(), await lab.get(), (await lab.metrics.expose()).body]);
    assert.match(told, /metaData/);
    assert.doesNotMatch(told, /hunter2-secret|join-token-secret|\{bad/);
  });
});

suite('config data (metal3-compat §4.7)', () => {
  const defaults = {
    uuid: 'uid-0',
    'metal3-namespace': 'lab',
    'metal3-name': 'node-0',
    'local-hostname': 'node-0',
    local_hostname: 'node-0',
    name: 'node-0',
  };
  const source = (field: 'userData' | 'networkData' | 'metaData', data: Record<string, string | Uint8Array>) => ({
    field,
    name: 's',
    secret: secret(data),
  });

  test('nothing referenced: the default keys alone', () => {
    const result = buildConfigData(host(), []);
    assert.deepEqual(result, {
      ok: true,
      config: { userData: undefined, metaData: defaults, networkData: undefined },
    });
  });

  test('user data are opaque bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const result = buildConfigData(host(), [source('userData', { userData: bytes })]);
        assert.ok(result.ok);
        assert.deepEqual(Array.from(result.config.userData ?? []), Array.from(bytes));
      }),
    );
  });

  for (const field of ['userData', 'networkData', 'metaData'] as const) {
    test(`${field}: its own key wins over value`, () => {
      const own = buildConfigData(host(), [source(field, { [field]: 'a: 1', value: 'a: 2' })]);
      const fallback = buildConfigData(host(), [source(field, { value: 'a: 2' })]);
      assert.ok(own.ok && fallback.ok);
      const read = (r: typeof own) =>
        r.ok && field === 'userData' ? Buffer.from(r.config.userData ?? []).toString() : r.ok && r.config[field];
      if (field === 'userData') assert.deepEqual([read(own), read(fallback)], ['a: 1', 'a: 2']);
      if (field === 'networkData') assert.deepEqual([read(own), read(fallback)], [{ a: 1 }, { a: 2 }]);
      if (field === 'metaData')
        assert.deepEqual(
          [read(own), read(fallback)],
          [
            { ...defaults, a: 1 },
            { ...defaults, a: 2 },
          ],
        );
    });
  }

  test('meta data: user keys win, merge is at the top level only', () => {
    const result = buildConfigData(host(), [
      source('metaData', { metaData: 'name: mine\nproviderid: p\nnested: {a: 1}\n' }),
    ]);
    assert.ok(result.ok);
    assert.deepEqual(result.config.metaData, { ...defaults, name: 'mine', providerid: 'p', nested: { a: 1 } });
  });

  test('YAML and JSON give the same; what is written as YAML comes back', () => {
    const plain = fc.dictionary(
      fc.string({ minLength: 1 }).filter((k) => k !== '__proto__'),
      fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.integer())),
    );
    fc.assert(
      fc.property(plain, (value) => {
        for (const text of [JSON.stringify(value), stringify(value)]) {
          const result = buildConfigData(host(), [source('networkData', { networkData: text })]);
          assert.ok(result.ok);
          assert.deepEqual({ ...(result.config.networkData as object) }, { ...value });
        }
      }),
    );
  });

  const missing: [string, Parameters<typeof buildConfigData>[1][number], RegExp][] = [
    [
      'user data Secret',
      { field: 'userData', name: 's', secret: undefined },
      /Secret s \(spec\.userData\) does not exist/,
    ],
    ['user data key', source('userData', { other: 'x' }), /neither key userData nor value/],
    ['meta data key', source('metaData', { other: 'x' }), /neither key metaData nor value/],
    ['network data Secret', { field: 'networkData', name: 's', secret: undefined }, /networkData\) does not exist/],
  ];
  for (const [name, given, message] of missing) {
    test(`${name} missing: waited for`, () => {
      const result = buildConfigData(host(), [given]);
      assert.ok(!result.ok && result.problem.kind === 'pending');
      assert.match(result.problem.message, message);
    });
  }

  test('network data without any key are no network data', () => {
    const result = buildConfigData(host(), [source('networkData', { other: 'x' })]);
    assert.ok(result.ok);
    assert.equal(result.config.networkData, undefined);
  });

  const wrong: [string, 'networkData' | 'metaData', string | Uint8Array, RegExp][] = [
    ['broken YAML', 'metaData', 'a: [1\nb: }', /spec\.metaData: .*not YAML, line 2/],
    ['a list', 'metaData', '- a', /not a YAML mapping/],
    ['a text', 'networkData', 'hello', /spec\.networkData: .*not a YAML mapping/],
    ['not UTF-8', 'networkData', new Uint8Array([0xff, 0xfe]), /not YAML/],
    ['an alias bomb', 'metaData', bomb(), /not YAML/],
  ];
  for (const [name, field, text, message] of wrong) {
    test(`${field} is ${name}: refused without its content`, () => {
      const result = buildConfigData(host(), [source(field, { [field]: text })]);
      assert.ok(!result.ok && result.problem.kind === 'invalid');
      assert.match(result.problem.message, message);
    });
  }

  test('empty documents are nothing', () => {
    const result = buildConfigData(host(), [
      source('metaData', { metaData: '' }),
      source('networkData', { value: '# c' }),
    ]);
    assert.ok(result.ok);
    assert.deepEqual(result.config.metaData, defaults);
    assert.equal(result.config.networkData, undefined);
  });

  test('Secrets of other namespaces are refused by field', () => {
    assert.equal(
      foreignReference(host({ userData: { name: 'a', namespace: 'lab' }, metaData: { name: 'b' } })),
      undefined,
    );
    const problem = foreignReference(host({ networkData: { name: 'a', namespace: 'kube-system' } }));
    assert.match(problem?.message ?? '', /spec\.networkData\.namespace: "kube-system"/);
  });

  test('network data fall back to those of the ramdisk', () => {
    const names = (spec: Partial<BareMetalHostSpec>) =>
      configReferences(host(spec)).map((r) => `${r.field}=${r.reference.name}`);
    assert.deepEqual(names({ preprovisioningNetworkDataName: 'pre' }), ['networkData=pre']);
    assert.deepEqual(names({ preprovisioningNetworkDataName: 'pre', networkData: { name: 'n' } }), ['networkData=n']);
    assert.deepEqual(names({ userData: {} }), []);
  });
});

/** Nine lines that grow to ten to the ninth scalars when aliases are followed without a bound. */
function bomb(): string {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
  for (let i = 1; i < 9; i++) lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(',')}]`);
  return lines.join('\n');
}

suite('the Secret of the ramdisk’s network (metal3-compat §3.5)', () => {
  const NETWORK = { preprovisioningNetworkDataName: 'net' };
  const OTHER = { ...KEY, name: 'node-1' };

  async function withNetwork(): Promise<HostLab> {
    const lab = new HostLab();
    await lab.secret('net', { networkData: '{}' });
    await lab.ready(NETWORK);
    return lab;
  }

  test('is labelled and kept by a finalizer, without an owner, and let go with the host', async () => {
    const lab = await withNetwork();
    const kept = await lab.secretOf('net');
    assert.deepEqual(kept?.metadata.labels, LABEL);
    assert.deepEqual(kept.metadata.finalizers, [FINALIZER]);
    assert.deepEqual(kept.metadata.ownerReferences ?? [], []);
    await lab.pass();
    assert.equal((await lab.secretOf('net'))?.metadata.resourceVersion, kept.metadata.resourceVersion, 'written once');
    await lab.remove();
    await lab.until((h) => h === undefined);
    assert.deepEqual((await lab.secretOf('net'))?.metadata.finalizers ?? [], []);
  });

  test('one that is not there yet keeps no host from its life; one that is deleted gets no new finalizer', async () => {
    const lab = new HostLab();
    await lab.ready(NETWORK);
    assert.equal((await lab.status()).provisioning.state, 'available');
    await lab.store.create(SECRET, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { ...KEY, name: 'net', finalizers: ['else'] },
    });
    await lab.store.delete(SECRET, { ...KEY, name: 'net' });
    await lab.pass();
    assert.deepEqual((await lab.secretOf('net'))?.metadata.finalizers, ['else']);
  });

  test('shared by two hosts it is let go by the last', async () => {
    const lab = await withNetwork();
    await lab.host({ ...NETWORK, bootMACAddress: '52:54:00:00:00:02' }, OTHER);
    await lab.settle({ key: OTHER });
    await lab.remove();
    await lab.until((h) => h === undefined);
    assert.deepEqual((await lab.secretOf('net'))?.metadata.finalizers, [FINALIZER]);
    await lab.remove(OTHER);
    await lab.settle({ key: OTHER });
    assert.deepEqual((await lab.secretOf('net'))?.metadata.finalizers ?? [], []);
  });

  test('a deleted host whose Secret is gone goes all the same', async () => {
    const lab = await withNetwork();
    await lab.store.patch(SECRET, { ...KEY, name: 'net' }, { metadata: { finalizers: [] } });
    await lab.store.delete(SECRET, { ...KEY, name: 'net' });
    await lab.remove();
    await lab.until((h) => h === undefined);
  });
});
