/** Manifests and Secrets that are wrong: refused by name at the door, or waited for, and cured by correcting them. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { ImageServer, sha256 } from '../support/fault-images.ts';
import { NS, Standalone } from '../support/standalone.ts';

const MANIFEST = `
apiVersion: metal3.io/v1alpha1
kind: BareMetalHost
metadata:
  name: typed-wrong
  namespace: ${NS}
spec:
  online: true
  bootMACAddress: 52:54:00:aa:00:01
  bmc:
    address: ipmi://127.0.0.1:1
    credentialsName: none
`;

suite('faults of what people write', { timeout: 300_000, concurrency: true }, () => {
  let bed: Standalone;
  let server: ImageServer;
  const content = new Uint8Array(1 << 20).fill(7);

  before(async () => {
    bed = await Standalone.start();
    server = await ImageServer.start();
    server.serve('os.raw', content);
  });
  after(async () => {
    await bed?.close();
    server?.close();
  });

  const image = () => ({ url: server.url('os.raw'), checksum: sha256(content), format: 'raw' as const });

  const refused: [string, (text: string) => string, string[], RegExp][] = [
    [
      'a wrong type',
      (t) => t.replace('online: true', 'online: "yes"'),
      [],
      /spec\.online: Invalid value: "string".* must be of type boolean/,
    ],
    ['a missing field', (t) => t.replace('  online: true\n', ''), [], /spec\.online: Required value/],
    [
      'a value outside the enumeration',
      (t) => `${t}  bootMode: BIOS\n`,
      [],
      /spec\.bootMode: Unsupported value: "BIOS": supported values: .*"legacy"/,
    ],
    [
      'a MAC that is none',
      (t) => t.replace('52:54:00:aa:00:01', '52:54:00:aa'),
      [],
      /spec\.bootMACAddress.*52:54:00:aa/,
    ],
    ['an unknown field, strictly', (t) => `${t}  rootDeviceHint: {}\n`, [], /unknown field "spec\.rootDeviceHint"/],
    [
      'an unknown field on the server side',
      (t) => `${t}  rootDeviceHint: {}\n`,
      ['--server-side'],
      /rootDeviceHint: field not declared in schema|unknown field "spec\.rootDeviceHint"/,
    ],
  ];
  for (const [name, spoil, args, expected] of refused) {
    test(`${name} is refused by kubectl apply, naming the field`, async () => {
      const { code, stderr } = await bed.kubectlWith(spoil(MANIFEST), 'apply', ...args, '-f', '-');
      assert.equal(code, 1);
      assert.match(stderr, expected);
      assert.equal(bed.hosts.latest('typed-wrong'), undefined);
    });
  }

  test('an unknown field with --validate=warn is a warning, and is not kept', async () => {
    const text = `${MANIFEST.replace('typed-wrong', 'warned')}  rootDeviceHint: {}\n`;
    const { code, stderr } = await bed.kubectlWith(text, 'apply', '--validate=warn', '-f', '-');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Warning: unknown field "spec\.rootDeviceHint"/);
    assert.ok(!(await bed.kubectl('get', 'bmh', 'warned', '-o', 'json')).includes('"rootDeviceHint"'));
  });

  test('the second host with a boot MAC is an error that names the first, until it has its own', async () => {
    const first = await bed.enrol('twin-a');
    await bed.hosts.well('twin-a', 'available');
    const second = await bed.enrol('twin-b', { spec: { bootMACAddress: first.mac.toUpperCase() } });
    const { status } = await bed.hosts.error('twin-b', 'registration error');
    assert.match(
      status?.errorMessage ?? '',
      /^MAC address .* conflicts with existing node lab\/twin-a \(HOST_BOOT_MAC_/,
    );
    assert.deepEqual(second.machine.writes, []);
    await bed.edit('twin-b', { bootMACAddress: second.mac });
    await bed.hosts.well('twin-b', 'available');
    assert.equal(bed.hosts.latest('twin-a')?.status?.provisioning.state, 'available');
  });

  test('missing user data is waited for, by name; the machine is left alone until it is there', async () => {
    const userData = { name: 'late-data', namespace: NS };
    const { machine } = await bed.enrol('waits', { spec: { image: image(), userData } });
    const waits = /^Secret late-data \(spec\.userData\) does not exist \(HOST_CONFIG_PENDING\)$/;
    const host = await bed.hosts.until(
      'waits',
      (h) => h.status?.conditions?.some((c) => waits.test(c.message)) === true,
      'waiting for the Secret',
    );
    assert.equal(host.status?.provisioning.state, 'available');
    assert.equal(host.status?.operationalStatus, 'OK');
    assert.match(await bed.explain('lab/waits'), /Waiting: Secret late-data \(spec\.userData\) does not exist/);
    assert.match(machine.running, /^ramdisk|^off/);
    await bed.secret('late-data', { wrongKey: 'x' });
    const noKey = /has neither key userData nor value/;
    await bed.hosts.until('waits', (h) => h.status?.conditions?.some((c) => noKey.test(c.message)) === true, 'key');
    await bed.secret('late-data', { userData: '#cloud-config\n' });
    await bed.hosts.well('waits', 'provisioned');
    const written = machine.hardware.disks[0]?.configDrive?.['openstack/latest/user_data'] ?? '';
    assert.equal(Buffer.from(written, 'base64').toString(), '#cloud-config\n');
  });

  test('meta data that is not YAML and user data of another namespace are errors that name the field', async () => {
    await bed.secret('bad-meta', { metaData: 'a: [hidden-value' });
    const metaData = { name: 'bad-meta', namespace: NS };
    await bed.enrol('bad-meta', { spec: { image: image(), metaData } });
    const yaml = await bed.hosts.error('bad-meta', 'provisioning error');
    assert.match(
      yaml.status?.errorMessage ?? '',
      /^spec\.metaData: .* not YAML, line 1 column \d+ \(HOST_CONFIG_INVALID\)$/,
    );
    await bed.secret('bad-meta', { metaData: 'a: b' });
    await bed.hosts.well('bad-meta', 'provisioned');

    await bed.enrol('foreign', { spec: { image: image(), userData: { name: 'x', namespace: 'kube-system' } } });
    const foreign = await bed.hosts.error('foreign', 'provisioning error');
    assert.match(foreign.status?.errorMessage ?? '', /^spec\.userData\.namespace: "kube-system" is not the namespace/);
    await bed.edit('foreign', { userData: null });
    await bed.hosts.well('foreign', 'provisioned');
  });
});
