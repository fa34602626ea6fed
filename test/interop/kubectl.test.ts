/** Real kubectl, the oldest, the installed and the newest, against the embedded API server: what a person types and what they must see. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import { BARE_METAL_HOST, EVENT, HOST_PROGRESS } from '../../src/api/resources.ts';
import { type ExecResult, exec } from '../../src/core/exec.ts';
import { type TestApi, startTestApi } from '../support/api-server.ts';
import { debianKubectl, newestKubectl } from '../support/kubectl.ts';

const STATUS: NonNullable<BareMetalHost['status']> = {
  operationalStatus: 'OK',
  errorMessage: '',
  errorCount: 0,
  provisioningFailCount: 0,
  poweredOn: false,
  provisioning: { state: 'registering', ID: '' },
};

const manifest = (online = 'true', extra = '') => `apiVersion: v1
kind: Secret
metadata:
  name: node-0-bmc
stringData:
  username: admin
  password: secret
---
apiVersion: metal3.io/v1alpha1
kind: BareMetalHost
metadata:
  name: node-0
  labels:
    rack: a
spec:
  online: ${online}
  bootMACAddress: "52:54:00:00:00:01"
  bmc:
    address: ipmi://192.0.2.10
    credentialsName: node-0-bmc
${extra}`;

const IMAGE = '  image:\n    url: http://192.0.2.1/os.qcow2\n    checksum: http://192.0.2.1/SHA256SUMS\n';

for (const version of ['debian', 'installed', 'newest'] as const) {
  describe(`kubectl (${version})`, { timeout: 240_000 }, () => {
    let api: TestApi;
    let folder: string;
    let program: string;
    let minor: number;

    before(async () => {
      api = await startTestApi();
      folder = await mkdtemp(path.join(api.folder, 'home-'));
      program = await kubectlOf(version);
      const { stdout } = await run(['version', '-o', 'json']);
      minor = Number.parseInt((JSON.parse(stdout) as { clientVersion: { minor: string } }).clientVersion.minor, 10);
      console.log(`kubectl 1.${minor}`);
      assert.ok(minor >= 20);
    });
    after(async () => api.close());

    const env = (more: Record<string, string> = {}) => ({ HOME: folder, KUBECONFIG: api.kubeconfig, ...more });

    /** Runs kubectl to its end, whatever that is. */
    const run = (args: string[], input?: string, more: Record<string, string> = {}): Promise<ExecResult> =>
      exec(program, args, {
        env: env(more),
        ok: [0, 1],
        signal: AbortSignal.timeout(60_000),
        ...(input === undefined ? {} : { input }),
      });

    /** Runs kubectl, which must succeed. */
    const ok = async (args: string[], input?: string, more: Record<string, string> = {}): Promise<string> => {
      const result = await run(args, input, more);
      assert.equal(result.code, 0, `kubectl ${args.join(' ')}: ${result.stderr}`);
      return result.stdout;
    };

    /** Runs kubectl, which must fail; what it says. */
    const fails = async (args: string[], input?: string): Promise<string> => {
      const result = await run(args, input);
      assert.equal(result.code, 1, `kubectl ${args.join(' ')} succeeded: ${result.stdout}`);
      return result.stderr;
    };

    test('api-resources knows the kinds and short names', async () => {
      const text = await ok(['api-resources']);
      assert.match(text, /^baremetalhosts +bmh,bmhost +metal3\.io\/v1alpha1 +true +BareMetalHost$/m);
      assert.match(text, /^hardwaredata +hd +metal3\.io\/v1alpha1 +true +HardwareData$/m);
      assert.match(text, /^hostprogress +hp +ingot\.dev\/v1alpha1 +true +HostProgress$/m);
      assert.match(await ok(['get', 'crd']), /^baremetalhosts\.metal3\.io +\d{4}-/m);
      await ok(['wait', 'crd/baremetalhosts.metal3.io', '--for=condition=Established', '--timeout=10s']);
      const crds = path.resolve(import.meta.dirname, '../../crds/metal3.io_hardwaredata.yaml');
      assert.match(await ok(['apply', '-f', crds]), /hardwaredata\.metal3\.io configured/);
      assert.match(await ok(['apply', '-f', crds]), /hardwaredata\.metal3\.io (configured|unchanged)/);
      assert.match(await fails(['delete', 'crd', 'hardwaredata.metal3.io']), /brings its own definitions/);
    });

    test('apply creates, then finds nothing to change', async () => {
      assert.match(await ok(['apply', '-f', '-'], manifest()), /baremetalhost\.metal3\.io\/node-0 created/);
      assert.match(await ok(['apply', '-f', '-'], manifest()), /baremetalhost\.metal3\.io\/node-0 unchanged/);
      const changed = await ok(['apply', '-f', '-'], manifest('true', IMAGE));
      assert.match(changed, /node-0 configured/);
      assert.equal(await ok(['get', 'bmh', 'node-0', '-o', 'jsonpath={.spec.image.url}']), 'http://192.0.2.1/os.qcow2');
      await ok(['apply', '-f', '-'], manifest());
      assert.equal(await ok(['get', 'bmh', 'node-0', '-o', 'jsonpath={.spec.image}']), '', 'apply removes what went');
      assert.equal(await ok(['get', 'secret', 'node-0-bmc', '-o', 'jsonpath={.data.password}']), 'c2VjcmV0');
    });

    test('get shows Metal3’s columns', async () => {
      const host = await api.store.get(BARE_METAL_HOST, { namespace: 'default', name: 'node-0' });
      await api.store.updateStatus(BARE_METAL_HOST, { ...host, status: STATUS });
      const lines = (await ok(['get', 'bmh'])).split('\n');
      assert.match(lines[0] ?? '', /^NAME +STATE +CONSUMER +ONLINE +ERROR +AGE$/);
      assert.match(lines[1] ?? '', /^node-0 +registering +true +\d+s$/);
      const wide = (await ok(['get', 'bmh', '-o', 'wide'])).split('\n');
      assert.match(wide[0] ?? '', /^NAME +STATUS +STATE +CONSUMER +BMC +ONLINE +ERROR +AGE$/);
      assert.match(wide[1] ?? '', /^node-0 +OK +registering +ipmi:\/\/192\.0\.2\.10 +true +\d+s$/);
      assert.match(await ok(['get', 'bmh', '-A']), /^NAMESPACE +NAME/);
      assert.match(await ok(['get', 'bmh', '-l', 'rack in (a,b),!zone', '--show-labels']), /rack=a$/m);
      assert.match((await run(['get', 'bmh', '-l', 'rack=z'])).stderr, /No resources found/);
      const custom = await ok(['get', 'bmh', '-o', 'custom-columns=N:.metadata.name,B:.spec.bmc.address']);
      assert.match(custom, /^node-0 +ipmi:\/\/192\.0\.2\.10$/m);
      assert.match(await ok(['get', 'bmh', '--sort-by=.metadata.name']), /node-0/);
      assert.match(await ok(['get', 'bmh', 'node-0', '-o', 'yaml']), /^ {2}automatedCleaningMode: metadata$/m);
      assert.match(await ok(['get', 'secret']), /^node-0-bmc +Opaque +2 +\d+s$/m);
      assert.match(
        await fails(['get', 'bmh', 'nope']),
        /Error from server \(NotFound\): baremetalhosts\.metal3\.io "nope" not found/,
      );
    });

    test('get -w follows', async () => {
      const watch = follow(program, ['get', 'bmh', '-w'], env());
      await watch.until(/node-0 +registering/);
      await api.store.patchStatus(
        BARE_METAL_HOST,
        { namespace: 'default', name: 'node-0' },
        {
          status: { provisioning: { state: 'inspecting' } },
        },
      );
      await watch.until(/node-0 +inspecting +true/);
      await watch.stop();
      assert.equal(watch.text().match(/NAME +STATE/g)?.length, 1);
    });

    test('wait for a condition and for a field', async () => {
      const key = { namespace: 'default', name: 'node-0' };
      const condition = {
        type: 'Ready',
        status: 'True',
        reason: 'Up',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      };
      const waiting = [ok(['wait', 'bmh/node-0', '--for=condition=Ready', '--timeout=30s'])];
      if (minor >= 23) {
        const field = '--for=jsonpath={.status.provisioning.state}=available';
        waiting.push(ok(['wait', 'bmh/node-0', field, '--timeout=30s']));
      }
      await api.store.patchStatus(BARE_METAL_HOST, key, {
        status: { provisioning: { state: 'available' }, conditions: [condition] },
      });
      for (const text of await Promise.all(waiting)) assert.match(text, /condition met/);
    });

    test('describe and events tell what happened', async () => {
      const host = await api.store.get(BARE_METAL_HOST, { namespace: 'default', name: 'node-0' });
      const now = new Date().toISOString().replace(/\.\d+/, '');
      await api.store.create(EVENT, {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { namespace: 'default', name: '', generateName: 'Registered-' },
        involvedObject: {
          apiVersion: host.apiVersion,
          kind: host.kind,
          namespace: 'default',
          name: 'node-0',
          uid: host.metadata.uid ?? '',
        },
        reason: 'Registered',
        message: 'Registered new host',
        type: 'Normal',
        count: 1,
        firstTimestamp: now,
        lastTimestamp: now,
        source: { component: 'metal3-baremetal-controller' },
      });
      const text = await ok(['describe', 'bmh', 'node-0']);
      assert.match(text, /Boot MAC ?Address: +52:54:00:00:00:01/);
      assert.match(text, /Normal +Registered +\d+s +metal3-baremetal-controller +Registered new host/);
      assert.match(await ok(['get', 'events']), /Normal +Registered +baremetalhost\/node-0 +Registered new host/);
      if (minor >= 26) {
        const events = await ok(['events', '--for', 'bmh/node-0']);
        assert.match(events, /Normal +Registered +BareMetalHost\/node-0 +Registered new host/);
      }
      assert.match(await ok(['describe', 'secret', 'node-0-bmc']), /^password: +6 bytes$/m);
    });

    test('progress has its columns', async () => {
      await api.store.create(HOST_PROGRESS, {
        apiVersion: 'ingot.dev/v1alpha1',
        kind: 'HostProgress',
        metadata: { namespace: 'default', name: 'node-0' },
      });
      await api.store.patchStatus(
        HOST_PROGRESS,
        { namespace: 'default', name: 'node-0' },
        {
          status: { phase: 'provisioning', step: 'writing image', percent: 42.5, bytesPerSecond: 1000, etaSeconds: 30 },
        },
      );
      const text = await ok(['get', 'hostprogress']);
      assert.match(text, /^NAME +PHASE +STEP +PERCENT +RATE +ETA +AGE$/m);
      assert.match(text, /^node-0 +provisioning +writing image +42\.5 +1000 +30 +\d+s$/m);
    });

    test('edit, patch, label, annotate', async () => {
      const field = (path: string) => ok(['get', 'bmh', 'node-0', '-o', `jsonpath=${path}`]);
      await ok(['edit', 'bmh', 'node-0'], undefined, { KUBE_EDITOR: 'sed -i "s/online: true/online: false/"' });
      assert.equal(await field('{.spec.online}'), 'false');
      await ok(['patch', 'bmh', 'node-0', '--type', 'merge', '-p', '{"spec":{"online":true,"description":"x"}}']);
      assert.equal(await field('{.spec.online}{.spec.description}'), 'truex');
      await ok(['patch', 'bmh', 'node-0', '--type', 'json', '-p', '[{"op":"remove","path":"/spec/description"}]']);
      assert.equal(await field('{.spec.description}'), '');
      const strategic = await fails(['patch', 'bmh', 'node-0', '-p', '{"spec":{"online":false}}']);
      assert.match(strategic, /application\/merge-patch\+json/);
      await ok(['patch', 'secret', 'node-0-bmc', '-p', '{"stringData":{"password":"other"}}']);
      assert.equal(await ok(['get', 'secret', 'node-0-bmc', '-o', 'jsonpath={.data.password}']), 'b3RoZXI=');
      await ok(['label', 'bmh', 'node-0', 'zone=z1']);
      assert.match(await fails(['label', 'bmh', 'node-0', 'zone=z2']), /already has a value|--overwrite/);
      await ok(['label', 'bmh', 'node-0', 'zone-']);
      await ok(['annotate', 'bmh', 'node-0', 'reboot.metal3.io=']);
      assert.equal(await field('{.metadata.annotations.reboot\\.metal3\\.io}'), '');
      assert.match(await field('{.metadata.annotations}'), /"reboot\.metal3\.io":""/);
      await ok(['annotate', 'bmh', 'node-0', 'reboot.metal3.io-']);
      assert.doesNotMatch(await field('{.metadata.annotations}'), /reboot/);
    });

    test('server-side apply owns fields and meets conflicts', async () => {
      const apply = ['apply', '--server-side', '--field-manager=gitops', '-f', '-'];
      await ok([...apply, '--force-conflicts'], manifest());
      const theirs = ['apply', '--server-side', '--field-manager=other', '-f', '-'];
      const conflict = await fails(theirs, manifest('false'));
      assert.match(conflict, /conflicts? with "[^"]+".*: ?\n?(- )?\.spec\.online/s);
      await ok([...theirs, '--force-conflicts'], manifest('false'));
      assert.equal(await ok(['get', 'bmh', 'node-0', '-o', 'jsonpath={.spec.online}']), 'false');
      await ok([...apply, '--force-conflicts'], manifest('true', IMAGE));
      await ok(apply, manifest('true'));
      assert.equal(await ok(['get', 'bmh', 'node-0', '-o', 'jsonpath={.spec.image}']), '', 'withdrawn fields go');
      await ok([...apply, '--dry-run=server'], manifest('true', IMAGE));
      assert.equal(await ok(['get', 'bmh', 'node-0', '-o', 'jsonpath={.spec.image}']), '', 'a dry run keeps nothing');
    });

    test('wrong input is refused with the field', async () => {
      const wrong = manifest('true', '  image:\n    url: http://x/y\n    format: floppy\n').replaceAll(
        'node-0',
        'node-1',
      );
      assert.match(await fails(['create', '-f', '-'], wrong), /spec\.image\.format/);
      const unsupported = await fails(['create', '--validate=false', '-f', '-'], wrong.slice(wrong.indexOf('---')));
      assert.match(
        unsupported,
        /The BareMetalHost "node-1" is invalid: spec\.image\.format: Unsupported value: "floppy": supported values: "raw", "qcow2", "vdi", "vmdk", "live-iso", ""/,
      );
      const typo = manifest('true', '  bootMod: UEFI\n').replaceAll('node-0', 'node-2');
      assert.match(await fails(['create', '-f', '-'], typo), /unknown field "?(spec\.)?bootMod"?/);
      const nowhere = await fails(['create', '-n', 'nowhere', '-f', '-'], manifest());
      assert.match(nowhere, /namespaces "nowhere" not found/);
      const body = '{"apiVersion":"metal3.io/v1alpha1","kind":"BareMetalHost","metadata":{"name":"node-3"},"spec":{}}';
      assert.match(await fails(['create', '--validate=false', '-f', '-'], body), /spec\.online: Required value/);
    });

    test('explain tells the fields', async () => {
      const text = await ok(['explain', 'bmh.spec.image']);
      assert.match(text, /checksum\s+<string>/);
      assert.match(text, /url\s+<string> -required-/);
      assert.match(await ok(['explain', 'secret.stringData']), /map\[string\]string/);
      assert.match(await ok(['explain', 'bmh.metadata.labels']), /map\[string\]string/);
    });

    test('namespaces, secrets and rights by command', async () => {
      await ok(['create', 'namespace', 'lab']);
      await ok(['create', 'secret', 'generic', 'ud', '-n', 'lab', '--from-literal=userData=#cloud-config']);
      assert.equal(
        await ok(['get', 'secret', 'ud', '-n', 'lab', '-o', 'jsonpath={.data}']),
        '{"userData":"I2Nsb3VkLWNvbmZpZw=="}',
      );
      await ok(['create', 'configmap', 'cm', '-n', 'lab', '--from-literal=a=b']);
      assert.match(await ok(['get', 'ns']), /^lab +Active/m);
      assert.match(await ok(['auth', 'can-i', 'create', 'bmh']), /^yes/);
      await ok(['delete', 'namespace', 'lab', '--timeout=20s']);
      assert.match(await fails(['get', 'ns', 'lab']), /NotFound/);
    });

    test('diff sees a change', async () => {
      const file = path.join(folder, 'host.yaml');
      await writeFile(file, manifest('false'));
      const result = await run(['diff', '-f', file]);
      assert.equal(result.code, 1);
      assert.match(result.stdout, /^-  online: true$/m);
      assert.match(result.stdout, /^\+  online: false$/m);
    });

    test('delete waits for finalizers', async () => {
      const key = { namespace: 'default', name: 'node-0' };
      await api.store.patch(BARE_METAL_HOST, key, { metadata: { finalizers: ['baremetalhost.metal3.io'] } });
      const deletion = ok(['delete', 'bmh', 'node-0', '--timeout=30s']);
      for (;;) {
        const host = await api.store.get(BARE_METAL_HOST, key);
        if (host.metadata.deletionTimestamp !== undefined) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await api.store.patch(BARE_METAL_HOST, key, { metadata: { finalizers: null } });
      assert.match(await deletion, /baremetalhost\.metal3\.io "node-0" deleted/);
      await ok(['delete', 'secret', '--all']);
      assert.match((await run(['get', 'secret'])).stderr, /No resources found/);
    });

    test('a wrong token is refused', async () => {
      const result = await run(['get', 'bmh', '--token=wrong']);
      assert.equal(result.code, 1);
      assert.match(result.stderr, /Unauthorized|logged in/);
      await rm(folder, { recursive: true, force: true });
    });
  });
}

function kubectlOf(version: 'debian' | 'installed' | 'newest'): Promise<string> | string {
  if (version === 'installed') return 'kubectl';
  return version === 'debian' ? debianKubectl() : newestKubectl();
}

interface Running {
  text(): string;
  until(pattern: RegExp): Promise<void>;
  stop(): Promise<void>;
}

/** A command that goes on until it is stopped. */
function follow(program: string, args: string[], env: Record<string, string>): Running {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    text: () => text,
    async until(pattern) {
      const end = performance.now() + 20_000;
      while (!pattern.test(text)) {
        assert.ok(performance.now() < end, `${pattern} not seen in: ${text}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async stop() {
      child.kill('SIGTERM');
      await closed;
    },
  };
}
