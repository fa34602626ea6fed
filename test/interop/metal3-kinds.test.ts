/**
 * The smaller kinds of Metal3 on a real kube-apiserver: `ingot operator` as a process with the rights of its service
 * account, a machine that has an OS behind a simulated Redfish BMC, and kubectl.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { OperatorProcess } from '../support/operator-process.ts';
import { PASSWORD, type TestBmc, USER, startTestBmc } from '../support/redfish-sim.ts';

const HOST = 'bmh/r1';
const SETTINGS = 'hostfirmwaresettings/r1';
const COMPONENTS = 'hostfirmwarecomponents/r1';
const IMAGE = 'dataimage/r1';
const condition = (type: string, field = 'status') => `{.status.conditions[?(@.type=="${type}")].${field}}`;
const object = (kind: string, spec: object, name = 'r1') => ({
  apiVersion: 'metal3.io/v1alpha1',
  kind,
  metadata: { name },
  spec,
});

suite('Metal3’s smaller kinds on a real kube-apiserver', { timeout: 280_000 }, () => {
  let operator: OperatorProcess;
  let sim: TestBmc;
  let files: string;
  const server = createServer((request, response) => {
    if (request.url === '/bios') response.end('component=BIOS\nversion=9.9.9\n');
    else response.writeHead(404).end();
  });

  before(async () => {
    sim = await startTestBmc({ updateMs: 500 });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    files = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    operator = await OperatorProcess.start('lab');
    const secret = (name: string, stringData: object) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      stringData,
    });
    await operator.apply(
      secret('bmc', { username: USER, password: PASSWORD }),
      secret('net', { networkData: '{}' }),
      secret('headers', { Authorization: 'Bearer t' }),
      object('HostUpdatePolicy', { firmwareSettings: 'onReboot', firmwareUpdates: 'onReboot' }),
      object('BareMetalHost', {
        online: true,
        externallyProvisioned: true,
        bmc: { address: `redfish+http://127.0.0.1:${sim.bmc.port}`, credentialsName: 'bmc' },
        preprovisioningNetworkDataName: 'net',
      }),
    );
    await operator.until(HOST, '{.status.provisioning.state} {.status.poweredOn}', /^externally provisioned true$/);
  });

  after(async () => {
    await operator?.close();
    await sim?.[Symbol.asyncDispose]();
    server.close();
  });

  const reboot = () => operator.kubectl('annotate', HOST, 'reboot.metal3.io={"mode":"hard"}');
  const settled = () =>
    operator.until(
      HOST,
      '{.status.operationalStatus} {.status.poweredOn} {.metadata.annotations}',
      /^OK true (?!.*reboot\.metal3\.io)/,
    );
  const inForce = (name: string) => operator.get(SETTINGS, `{.status.settings.${name}}`);

  test('what its BMC tells: settings, their rules, components, health; what belongs to the host is claimed', async () => {
    await operator.until(SETTINGS, '{.status.settings.ProcVirtualization}', /^Enabled$/);
    const schema = await operator.get(SETTINGS, '{.status.schema.name}');
    assert.match(schema, /^schema-[0-9a-f]{8}$/);
    const rule = await operator.get(`firmwareschema/${schema}`, '{.spec.schema.AcPwrRcvryUserDelay}');
    assert.deepEqual(JSON.parse(rule), {
      attribute_type: 'Integer',
      lower_bound: 60,
      upper_bound: 600,
      read_only: false,
    });
    await operator.until(COMPONENTS, '{.status.components[*].component}', /bios/);
    await operator.until(HOST, condition('Healthy'), /^True$/);
    const uid = await operator.get(HOST, '{.metadata.uid}');
    await operator.until('hostupdatepolicy/r1', '{.metadata.ownerReferences[0].uid}', new RegExp(uid));
    assert.equal(await operator.get('secret/net', '{.metadata.finalizers[*]}'), 'baremetalhost.metal3.io/secret');
    assert.equal(await operator.get('secret/net', '{.metadata.ownerReferences}'), '');
  });

  test('a wish that cannot be granted: the condition and the Event say why', async () => {
    await operator.patch(SETTINGS, { spec: { settings: { AcPwrRcvryUserDelay: 5, Nope: 'x' } } });
    const message = await operator.until(SETTINGS, condition('Valid', 'message'), /./);
    assert.match(
      message,
      /^Invalid BIOS setting: Setting AcPwrRcvryUserDelay is invalid, integer 5 is below minimum value 60/,
    );
    const events = await operator.get('events', '{.items[?(@.reason=="ValidationFailed")].message}');
    assert.match(events, /setting Nope is not in the Status field/);
    await reboot();
    await settled();
    assert.equal(await inForce('AcPwrRcvryUserDelay'), '60');
    await operator.patch(SETTINGS, { spec: { settings: { AcPwrRcvryUserDelay: null, Nope: null } } });
    await operator.until(SETTINGS, condition('Valid'), /^True$/);
  });

  test('servicing at the reboot; the operator is killed with -9 again and again, and nothing is done twice', async () => {
    const boots = sim.machine.boots.length;
    await operator.patch(SETTINGS, {
      spec: { settings: { ProcVirtualization: 'Disabled', AcPwrRcvryUserDelay: 120 } },
    });
    await operator.patch(COMPONENTS, { spec: { updates: [{ component: 'bios', url: `${files}/bios` }] } });
    await operator.until(SETTINGS, condition('ChangeDetected') + condition('Valid'), /^TrueTrue$/);
    await operator.until(COMPONENTS, condition('ChangeDetected') + condition('Valid'), /^TrueTrue$/);
    await reboot();
    await operator.until(HOST, '{.status.operationalStatus}', /^servicing$/);
    // From then on the update is known by its handle. One killed between the BMC's answer and that asks for it once more.
    await operator.until('hostprogress/r1', '{.status.firmware}', /"handle"|"finished":\[\{/);
    for (const ms of [0, 400, 1200, 2500]) {
      await new Promise((resolve) => setTimeout(resolve, ms));
      await operator.kill();
      await operator.run();
    }
    await settled();
    assert.equal(await inForce('ProcVirtualization'), 'Disabled');
    assert.equal(await inForce('AcPwrRcvryUserDelay'), '120');
    await operator.until(COMPONENTS, '{.status.updates[*].component}', /^bios$/);
    await operator.until(COMPONENTS, '{.status.components[?(@.component=="bios")].currentVersion}', /^9\.9\.9$/, 90);
    assert.deepEqual(sim.bmc.service.bios.attributes['ProcVirtualization'], 'Disabled');
    const flashed = sim.bmc.service.tasks.list().filter((t) => t.name === 'Firmware update');
    assert.equal(flashed.length, 1);
    const started = sim.machine.boots.slice(boots);
    assert.ok(started.length <= 3, `${started.length} starts`);
    assert.deepEqual([...new Set(started.map((b) => b.from))], ['disk']);
    assert.deepEqual(await operator.get('events', '{.items[?(@.reason=="ServicingError")].message}'), '');
  });

  test('an update that fails is a servicing error; the machine stays off until the wish is taken back', async () => {
    await operator.patch(COMPONENTS, { spec: { updates: [{ component: 'bios', url: `${files}/missing` }] } });
    await operator.until(COMPONENTS, condition('ChangeDetected') + condition('Valid'), /^TrueTrue$/);
    await reboot();
    await operator.until(HOST, '{.status.errorType}', /^servicing error$/);
    assert.match(await operator.get(HOST, '{.status.errorMessage}'), /bios: .*404.*PROVISION_FIRMWARE_FAILED/);
    assert.equal(await operator.get(HOST, '{.status.operationalStatus} {.status.poweredOn}'), 'error false');
    assert.equal(await operator.get(HOST, condition('Ready', 'reason')), 'Error');
    await operator.patch(COMPONENTS, { spec: { updates: [] } });
    await operator.until(COMPONENTS, condition('ChangeDetected'), /^False$/);
    await settled();
    assert.equal(await operator.get(HOST, '{.status.errorType}{.status.errorMessage}'), '');
  });

  test('a DataImage goes in at the reboot; one that cannot keeps the machine off; deleted it goes out', async () => {
    const attached = () => sim.bmc.service.media.filter((slot) => slot.inserted).map((slot) => slot.image);
    await operator.apply(object('DataImage', { url: `${files}/data.iso` }));
    await operator.until(IMAGE, '{.metadata.finalizers[*]}', /dataimage\.metal3\.io/);
    const attach = sim.machine.attach.bind(sim.machine);
    sim.machine.attach = () => Promise.reject(new Error('no way to the file'));
    await reboot();
    await operator.until(IMAGE, '{.status.error.count}', /^[1-9]/);
    assert.equal(await operator.get(HOST, '{.status.poweredOn} {.status.errorType}'), 'false ');
    assert.match(await operator.get(HOST, condition('Progressing', 'message')), /DataImage/);
    sim.machine.attach = attach;
    await operator.patch(IMAGE, { spec: { url: `${files}/other.iso` } });
    await settled();
    await operator.until(IMAGE, '{.status.attachedImage.url} {.status.error.count}', /other\.iso 0$/);
    assert.deepEqual(attached(), [`${files}/other.iso`]);
    await operator.kubectl('delete', IMAGE, '--wait=false');
    await reboot();
    await operator.kubectl('wait', '--for=delete', IMAGE, '--timeout=60s');
    assert.deepEqual(attached(), []);
    await settled();
  });

  test('an event subscription with headers from a Secret, until it is deleted', async () => {
    const spec = {
      hostName: 'r1',
      destination: `${files}/events`,
      httpHeadersRef: { name: 'headers', namespace: 'lab' },
    };
    await operator.apply(object('BMCEventSubscription', spec, 'sub'));
    await operator.until('bmceventsubscription/sub', '{.status.subscriptionID}', /./);
    assert.equal(sim.bmc.service.subscriptions.list().length, 1);
    assert.ok(!operator.output.join('\n').includes('Bearer t'), 'headers are in no log');
    await operator.kubectl('delete', 'bmceventsubscription/sub', '--timeout=60s');
    assert.deepEqual(sim.bmc.service.subscriptions.list(), []);
  });

  test('manifests of kinds that Ingot leaves to others apply', async () => {
    const hostClaimNamespaces = { names: ['tenant'], nameMatches: '^t', hasLabels: [{ name: 'team', value: 'a' }] };
    const hostSelector = { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'k', operator: 'in', values: ['v'] }] };
    await operator.apply(
      object('PreprovisioningImage', { architecture: 'x86_64', acceptFormats: ['iso', 'initrd'] }, 'other'),
      object('HostClaim', { poweredOn: true, image: { url: 'http://192.0.2.2/x' }, hostSelector }, 'other'),
      object('HostDeployPolicy', { hostClaimNamespaces }, 'other'),
      object(
        'HostNetworkAttachment',
        { nativeVLAN: 7, mode: 'trunk', allowedVLANs: ['8', '10-20'], mtu: 9000 },
        'other',
      ),
      object('BareMetalSwitch', { address: '192.0.2.3', deviceType: 'x', macAddress: '52:54:00:00:00:01' }, 'other'),
    );
    assert.equal(await operator.get('bms/other', '{.spec.driver}'), 'generic-switch');
    const wrong = object('HostNetworkAttachment', { nativeVLAN: 5000, mode: 'access' }, 'wrong');
    await assert.rejects(operator.apply(wrong), /spec\.nativeVLAN/);
  });

  test('with the host goes what is its own, and its Secrets are let go', async () => {
    await operator.kubectl('delete', HOST, '--timeout=60s');
    for (const kind of [SETTINGS, COMPONENTS, 'hostupdatepolicy/r1', 'secret/bmc']) {
      await operator.until(kind, '{.metadata.name}', /NotFound/);
    }
    await operator.until('firmwareschemas', '{.items}', /^\[\]$|^$/);
    assert.equal(await operator.get('secret/net', '{.metadata.finalizers}'), '');
  });
});
