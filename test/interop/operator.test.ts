/**
 * `ingot operator` on a real kube-apiserver, as its service account: one simulated host behind a real IPMI server goes
 * through its whole life, driven by kubectl; a restarted operator goes on with what the first one left.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { scriptScope } from '../../src/boot/script-for.ts';
import { UrlSigner } from '../../src/boot/url-signing.ts';
import { systemClock } from '../../src/core/clock.ts';
import { exec } from '../../src/core/exec.ts';
import { memoryLogger, type LogLine } from '../../src/core/log.ts';
import { NO_WISHES } from '../../src/dhcp/plan.ts';
import type { Engine } from '../../src/engine.ts';
import type { IpmiServer } from '../../src/ipmi/server.ts';
import { runOperator } from '../../src/operator.ts';
import { request } from '../support/sim-agent.ts';
import { startSimBmc } from '../support/sim-bmc.ts';
import { SimMachine } from '../support/sim-machine.ts';
import { type Testbed, freePort, startTestbed } from '../support/testbed.ts';

const CRDS = path.resolve(import.meta.dirname, '../../crds');
const NS = 'ingot-system';
const MAC = '52:54:00:12:00:01';
const PASSWORD = 'correct horse';

suite('operator on a real kube-apiserver', { timeout: 240_000 }, () => {
  let bed: Testbed;
  let dir: string;
  let machine: SimMachine;
  let bmc: IpmiServer;
  let images: Server;
  let operator: { stop: AbortController; done: Promise<void>; engine: Engine } | undefined;
  const lines: LogLine[] = [];
  const ports = { http: 0, agent: 0 };
  const content = randomBytes(9 << 20);

  const kubectl = async (...args: string[]) =>
    (await exec(bed.kubectl, [`--kubeconfig=${bed.kubeconfig}`, ...args])).stdout;
  const apply = (...objects: unknown[]) =>
    exec(bed.kubectl, [`--kubeconfig=${bed.kubeconfig}`, 'apply', '-f', '-'], {
      input: objects.map((o) => JSON.stringify(o)).join('\n---\n'),
    });
  const host = async (jsonpath: string) => kubectl('-n', 'lab', 'get', 'bmh', 'node-0', '-o', `jsonpath={${jsonpath}}`);
  const becomes = (state: string) =>
    kubectl('-n', 'lab', 'wait', 'bmh/node-0', `--for=jsonpath={.status.provisioning.state}=${state}`, '--timeout=60s');

  async function startOperator(): Promise<void> {
    const stop = new AbortController();
    const { promise: ready, resolve } = Promise.withResolvers<Engine>();
    const doors = { clock: systemClock, random: Math.random, log: memoryLogger(lines), signal: stop.signal };
    const done = runOperator(
      {
        kubeconfig: path.join(dir, 'operator.kubeconfig'),
        namespace: NS,
        addresses: [],
        dataDir: path.join(dir, 'data'),
        interfaces: [],
        dhcp: 'off',
        network: NO_WISHES,
        // The same after a restart: the agent goes on calling where it was told to.
        httpPort: ports.http,
        agentPort: ports.agent,
        tftpPort: 0,
        ramdiskDir: dir,
        ipxeDir: dir,
        kernelArguments: '',
        limits: {},
        hosts: {},
      },
      { ...doors, onReady: resolve },
    );
    const engine = await Promise.race([ready, done.then(() => assert.fail('the operator ended'))]);
    operator = { stop, done, engine };
  }

  async function stopOperator(): Promise<void> {
    operator?.stop.abort(new Error('test over'));
    await operator?.done;
    operator = undefined;
  }

  /** What a DHCP answer would send the machine to. The operator's secret is in the cluster. */
  async function netboot(mac: string): Promise<string | undefined> {
    const key = await kubectl('-n', NS, 'get', 'secret', 'ingot-operator', '-o', 'jsonpath={.data.secret\\.key}');
    const signer = new UrlSigner(Buffer.from(key, 'base64'));
    const signed = signer.path(scriptScope(mac), 'script.ipxe', Date.now() + 60_000);
    return (await request('GET', `http://127.0.0.1:${operator?.engine.httpPort}${signed}`)).body;
  }

  before(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'ingot-operator-'));
    for (const file of ['undionly.kpxe', 'snponly.efi', 'vmlinuz', 'ramdisk.zst']) {
      await writeFile(path.join(dir, file), `content of ${file}`);
    }
    images = createServer((_req, res) => res.writeHead(200, { 'content-length': content.length }).end(content));
    await new Promise<void>((resolve) => images.listen(0, '127.0.0.1', resolve));
    const disk = {
      name: '/dev/vda',
      serial: 'DISK0',
      sizeBytes: 8 * 2 ** 30,
      logicalSectorBytes: 512,
      rotational: false,
    };
    machine = new SimMachine({ mac: MAC, uuid: randomUUID(), firmware: 'uefi', disks: [disk] }, netboot);
    bmc = await startSimBmc(machine, PASSWORD);
    ports.http = await freePort();
    ports.agent = await freePort();
    bed = await startTestbed();
    await kubectl('apply', '--server-side', '-f', CRDS, '-f', path.join(CRDS, 'install'));
    await kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
    const token = (await kubectl('-n', NS, 'create', 'token', 'ingot-operator')).trim();
    const config = JSON.parse(await kubectl('config', 'view', '--raw', '-o', 'json')) as { users: unknown };
    config.users = [{ name: 't', user: { token } }];
    await writeFile(path.join(dir, 'operator.kubeconfig'), JSON.stringify(config), { mode: 0o600 });
    await startOperator();
  });

  after(async () => {
    await stopOperator().catch((error: unknown) => console.error(error));
    await machine?.cutPower();
    await bmc?.close();
    images?.close();
    await bed?.close();
    await rm(dir, { recursive: true, force: true });
  });

  test('enrolled, inspected and available', async () => {
    const metadata = (name: string) => ({ namespace: 'lab', name });
    await apply(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'lab' } },
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: metadata('bmc'),
        stringData: { username: 'admin', password: PASSWORD },
      },
      { apiVersion: 'v1', kind: 'Secret', metadata: metadata('ud'), stringData: { userData: '#cloud-config' } },
      {
        apiVersion: 'metal3.io/v1alpha1',
        kind: 'BareMetalHost',
        metadata: metadata('node-0'),
        spec: {
          online: true,
          bootMACAddress: MAC,
          bmc: { address: `ipmi://127.0.0.1:${bmc.port}`, credentialsName: 'bmc' },
          rootDeviceHints: { serialNumber: 'DISK0' },
        },
      },
    );
    await becomes('available');
    assert.equal(await host('.status.hardware.systemVendor.manufacturer'), 'Sim');
    assert.match(await kubectl('-n', 'lab', 'get', 'hardwaredata', 'node-0'), /node-0/);
    assert.match(await kubectl('-n', 'lab', 'get', 'bmh'), /node-0 +available +true/);
  });

  test('refuses files of its own pod as images, without a word about what is in them', async () => {
    const digest = createHash('sha256')
      .update(await readFile('/etc/passwd'))
      .digest('hex');
    const image = { url: 'file:///etc/passwd', checksum: '0'.repeat(64), checksumType: 'sha256', format: 'raw' };
    await kubectl('-n', 'lab', 'patch', 'bmh', 'node-0', '--type=merge', '-p', JSON.stringify({ spec: { image } }));
    const failed = '--for=jsonpath={.status.errorType}=provisioning error';
    await kubectl('-n', 'lab', 'wait', 'bmh/node-0', failed, '--timeout=60s');
    const message = await host('.status.errorMessage');
    assert.match(message, /local file/);
    assert.ok(!message.includes(digest), message);
    await kubectl('-n', 'lab', 'patch', 'bmh', 'node-0', '--type=json', '-p', '[{"op":"remove","path":"/spec/image"}]');
    await becomes('available');
  });

  test('provisioned by a restarted operator: the image is on the pinned disk, the config drive has the uid', async () => {
    await stopOperator();
    const checksum = createHash('sha256').update(content).digest('hex');
    const url = `http://127.0.0.1:${(images.address() as AddressInfo).port}/os.raw`;
    const spec = {
      image: { url, checksum, checksumType: 'sha256', format: 'raw' },
      userData: { name: 'ud', namespace: 'lab' },
    };
    await kubectl('-n', 'lab', 'patch', 'bmh', 'node-0', '--type=merge', '-p', JSON.stringify({ spec }));
    await startOperator();
    await becomes('provisioned');
    const drive = machine.hardware.disks[0]?.configDrive ?? {};
    const meta = JSON.parse(Buffer.from(drive['openstack/latest/meta_data.json'] ?? '', 'base64').toString()) as {
      uuid: string;
    };
    assert.equal(meta.uuid, await host('.metadata.uid'));
    assert.equal(Buffer.from(drive['openstack/latest/user_data'] ?? '', 'base64').toString(), '#cloud-config');
    assert.match(machine.running, /^disk:sha256:/);
    assert.match(await kubectl('-n', 'lab', 'get', 'events'), /ProvisioningComplete/);
  });

  test('deprovisioned, then deleted with everything that was its own', async () => {
    await kubectl('-n', 'lab', 'patch', 'bmh', 'node-0', '--type=json', '-p', '[{"op":"remove","path":"/spec/image"}]');
    await becomes('available');
    assert.equal(machine.hardware.disks[0]?.image, undefined);
    await kubectl('-n', 'lab', 'delete', 'bmh', 'node-0', '--timeout=60s');
    assert.equal(machine.running, 'off');
    await kubectl(
      '-n',
      'lab',
      'wait',
      '--for=delete',
      'secret/bmc',
      'hostprogress/node-0',
      'hardwaredata/node-0',
      '--timeout=60s',
    );
    assert.deepEqual(machine.errors, []);
  });

  test('no secret was logged, and the Lease is released at the end', async () => {
    await stopOperator();
    assert.ok(lines.length > 10);
    assert.ok(!JSON.stringify(lines).includes(PASSWORD));
    assert.equal(
      await kubectl('-n', NS, 'get', 'lease', 'ingot-operator', '-o', 'jsonpath={.spec.holderIdentity}'),
      '',
    );
  });
});
