import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type BareMetalHost, type BareMetalHostSpec, PROVISIONING_STATES } from '../../src/api/baremetalhost.ts';
import type { Health } from '../../src/bmc/capabilities.ts';
import { computeConditions } from '../../src/host/conditions.ts';
import { Metrics } from '../../src/core/metrics.ts';
import { errorReason, eventObject } from '../../src/host/events.ts';
import { HostMetrics } from '../../src/host/metrics.ts';
import {
  clearSettings,
  effectiveHints,
  resolveProfile,
  saveSettings,
  settingsDiffer,
} from '../../src/host/profiles.ts';
import { ON_DELETION, TRANSITIONS, assertMove, mayMove } from '../../src/host/states.ts';
import {
  beginOperation,
  clearError,
  completeStatus,
  endOperation,
  sameCredentials,
  setError,
} from '../../src/host/status.ts';
import { capacityDelayMs, failureBackoffMs } from '../../src/host/timers.ts';

const NOW = Date.UTC(2026, 0, 1);

function host(spec: Partial<BareMetalHostSpec> = {}): BareMetalHost {
  return {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BareMetalHost',
    metadata: { name: 'n', namespace: 'lab', uid: 'u-1', generation: 4 },
    spec: { online: true, ...spec },
  };
}

suite('state table', () => {
  test('every target is a state, none is its own source', () => {
    for (const from of PROVISIONING_STATES) {
      for (const to of TRANSITIONS[from]) {
        assert.ok(PROVISIONING_STATES.includes(to));
        assert.notEqual(from, to);
      }
    }
  });

  test('every state can reach deleting, and every deletion move is in the table', () => {
    for (const state of PROVISIONING_STATES) {
      if (state !== 'deleting') assert.ok(mayMove(state, 'deleting'), state);
      const to = ON_DELETION[state];
      if (to !== undefined) assert.ok(mayMove(state, to), `${state} → ${to}`);
    }
    assert.deepEqual(TRANSITIONS.deleting, []);
  });

  test('every state but the legacy ones is reachable from the beginning', () => {
    const reached = new Set<string>(['']);
    for (const from of reached) for (const to of TRANSITIONS[from as keyof typeof TRANSITIONS]) reached.add(to);
    assert.deepEqual(
      PROVISIONING_STATES.filter((s) => !reached.has(s)),
      ['match profile', 'ready'],
    );
  });

  const illegal = [
    ['provisioned', 'available'],
    ['provisioned', 'provisioning'],
    ['registering', 'available'],
    ['deleting', 'available'],
    ['externally provisioned', 'deprovisioning'],
    ['', 'available'],
    ['deprovisioning', 'provisioning'],
  ] as const;
  for (const [from, to] of illegal) {
    test(`"${from}" → "${to}" throws`, () => {
      assert.throws(() => assertMove(from, to), { code: 'HOST_ILLEGAL_TRANSITION' });
    });
  }
});

suite('backoff (metal3-compat §2.6)', () => {
  const MINUTE = 60_000;
  const rows: [number, number, number][] = [
    [1, 1, 2],
    [2, 2, 4],
    [3, 4, 8],
    [4, 8, 16],
    [5, 16, 32],
    [6, 32, 64],
    [7, 64, 128],
    [8, 128, 256],
    [9, 256, 512],
    [10, 256, 512],
    [1000, 256, 512],
  ];
  for (const [count, low, high] of rows) {
    test(`after ${count} failures: more than ${low} and up to ${high} minutes`, () => {
      fc.assert(
        fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (random) => {
          const ms = failureBackoffMs(count, () => random);
          assert.ok(ms > low * MINUTE && ms <= high * MINUTE, `${ms / MINUTE} min`);
        }),
      );
      assert.equal(
        failureBackoffMs(count, () => 0),
        high * MINUTE,
      );
    });
  }

  test('capacity: one to two minutes', () => {
    assert.equal(
      capacityDelayMs(() => 0),
      MINUTE,
    );
    assert.ok(capacityDelayMs(() => 0.999) < 2 * MINUTE);
  });
});

suite('status', () => {
  test('members that are always written are there from the first status on', () => {
    const zero = { start: null, end: null };
    assert.deepEqual(completeStatus(undefined), {
      operationalStatus: '',
      errorMessage: '',
      errorCount: 0,
      provisioningFailCount: 0,
      poweredOn: false,
      provisioning: { state: '', ID: '', image: { url: '' } },
      goodCredentials: {},
      triedCredentials: {},
      operationHistory: { register: zero, inspect: zero, provision: zero, deprovision: zero },
    });
  });

  test('completing is idempotent, keeps what is there and copies deeply', () => {
    const given = { provisioning: { state: 'available' as const, ID: 'x', image: { url: 'u' } }, errorCount: 3 };
    const once = completeStatus(given);
    assert.deepEqual(completeStatus(once), once);
    assert.equal(once.errorCount, 3);
    once.provisioning.ID = 'changed';
    assert.equal(given.provisioning.ID, 'x');
  });

  test('errors: counted up, cleared without touching the count', () => {
    const status = completeStatus(undefined);
    setError(status, 'inspection error', 'a');
    setError(status, 'inspection error', 'b');
    assert.deepEqual(
      [status.operationalStatus, status.errorType, status.errorMessage, status.errorCount],
      ['error', 'inspection error', 'b', 2],
    );
    clearError(status);
    assert.deepEqual([status.operationalStatus, status.errorMessage, status.errorCount], ['OK', '', 2]);
    assert.equal('errorType' in status, false);
  });

  test('operation history: begins once, ends once, starts over after its end', () => {
    const status = completeStatus(undefined);
    assert.equal(endOperation(status, 'inspect', NOW), undefined);
    beginOperation(status, 'inspect', NOW);
    beginOperation(status, 'inspect', NOW + 60_000);
    assert.equal(endOperation(status, 'inspect', NOW + 90_000), 90);
    assert.equal(endOperation(status, 'inspect', NOW + 120_000), undefined);
    assert.deepEqual(status.operationHistory.inspect, { start: '2026-01-01T00:00:00Z', end: '2026-01-01T00:01:30Z' });
    beginOperation(status, 'inspect', NOW + 180_000);
    assert.deepEqual(status.operationHistory.inspect, { start: '2026-01-01T00:03:00Z', end: null });
  });

  test('a clock that went backwards does not give a negative duration', () => {
    const status = completeStatus(undefined);
    beginOperation(status, 'register', NOW);
    assert.equal(endOperation(status, 'register', NOW - 5_000), 0);
  });

  test('credentials are the same only in name, namespace and version', () => {
    const a = { credentials: { name: 's', namespace: 'n' }, credentialsVersion: '1' };
    assert.ok(sameCredentials(a, structuredClone(a)));
    assert.equal(sameCredentials({}, a), false);
    assert.equal(sameCredentials({ ...a, credentialsVersion: '2' }, a), false);
    assert.equal(sameCredentials({ ...a, credentials: { name: 't', namespace: 'n' } }, a), false);
  });
});

suite('hardware profiles', () => {
  const rows: [string, Partial<BareMetalHostSpec>, unknown][] = [
    ['unknown', {}, { deviceName: '/dev/sda' }],
    ['libvirt', { bmc: { address: 'libvirt://192.0.2.1', credentialsName: 'x' } }, { deviceName: '/dev/vda' }],
    ['openstack', { hardwareProfile: 'openstack' }, { deviceName: '/dev/vdb' }],
    ['dell', { hardwareProfile: 'dell' }, { hctl: '0:0:0:0' }],
    ['dell-raid', { hardwareProfile: 'dell-raid' }, { hctl: '0:2:0:0' }],
    ['empty', { hardwareProfile: 'empty' }, {}],
  ];
  for (const [profile, spec, hints] of rows) {
    test(profile, () => {
      const status = completeStatus(undefined);
      assert.equal(resolveProfile(host(spec), status), profile);
      status.hardwareProfile = profile;
      assert.deepEqual(effectiveHints(host(spec), status), hints);
    });
  }

  test('hints of the spec win over the profile', () => {
    const status = completeStatus({ hardwareProfile: 'dell' });
    assert.deepEqual(effectiveHints(host({ rootDeviceHints: { wwn: '0x5' } }), status), { wwn: '0x5' });
  });

  test('the profile of the status stays', () => {
    assert.equal(
      resolveProfile(host({ hardwareProfile: 'dell' }), completeStatus({ hardwareProfile: 'empty' })),
      'empty',
    );
  });

  test('an unknown profile is refused by name', () => {
    assert.throws(() => resolveProfile(host({ hardwareProfile: 'mine' }), completeStatus(undefined)), {
      code: 'HOST_PROFILE_UNKNOWN',
      message: /spec\.hardwareProfile: "mine"/,
    });
  });
});

suite('settings applied by preparing', () => {
  const volumes = [{ level: '1' }];

  test('saved settings do not differ any more, whatever they are', () => {
    const specs: Partial<BareMetalHostSpec>[] = [
      {},
      { rootDeviceHints: { serialNumber: 'S' } },
      { rootDeviceHints: {} },
      { raid: {} },
      { raid: { hardwareRAIDVolumes: null, softwareRAIDVolumes: null } },
      { raid: { hardwareRAIDVolumes: [], softwareRAIDVolumes: [] } },
      { raid: { hardwareRAIDVolumes: volumes } },
      { raid: { softwareRAIDVolumes: volumes } },
    ];
    for (const before of specs) {
      for (const after of specs) {
        const status = completeStatus({ hardwareProfile: 'unknown' });
        saveSettings(host(before), status);
        assert.equal(settingsDiffer(host(before), status), false);
        saveSettings(host(after), status);
        assert.equal(settingsDiffer(host(after), status), false);
      }
    }
  });

  test('no RAID in the spec keeps hardware RAID and gives up software RAID', () => {
    const status = completeStatus({ hardwareProfile: 'unknown' });
    saveSettings(host({ raid: { hardwareRAIDVolumes: volumes, softwareRAIDVolumes: volumes } }), status);
    assert.equal(settingsDiffer(host({}), status), true, 'software RAID has to go');
    saveSettings(host({}), status);
    assert.deepEqual(status.provisioning.raid, { hardwareRAIDVolumes: volumes });
  });

  test('clearing keeps hardware RAID alone', () => {
    const status = completeStatus({ hardwareProfile: 'unknown' });
    saveSettings(host({ raid: { hardwareRAIDVolumes: volumes, softwareRAIDVolumes: volumes } }), status);
    clearSettings(status);
    assert.deepEqual(status.provisioning.raid, { hardwareRAIDVolumes: volumes });
    assert.equal(status.provisioning.rootDeviceHints, undefined);
    saveSettings(host({ raid: { softwareRAIDVolumes: volumes } }), completeStatus(undefined));
  });
});

suite('conditions (metal3-compat §2.4)', () => {
  const of = (partial: Parameters<typeof completeStatus>[0], waiting?: string) => {
    const list = computeConditions(host(), completeStatus(partial), NOW, waiting);
    return Object.fromEntries(list.map((c) => [c.type, `${c.status}/${c.reason}`]));
  };
  const at = (state: (typeof PROVISIONING_STATES)[number]) => ({ provisioning: { state, ID: '' } });

  const rows: [string, Parameters<typeof completeStatus>[0], Record<string, string>][] = [
    ['new', undefined, { Manageable: 'False/NotManaged', Progressing: 'False/NotProgressing' }],
    ['unmanaged', at('unmanaged'), { Manageable: 'False/NotManaged', Ready: 'False/NotProvisioned' }],
    ['registering', at('registering'), { Manageable: 'False/Registering', Progressing: 'True/Registering' }],
    [
      'registration failed',
      { ...at('registering'), operationalStatus: 'error', errorType: 'registration error', errorMessage: 'x' },
      { Manageable: 'False/RegistrationFailed', Ready: 'False/Error' },
    ],
    ['inspecting', at('inspecting'), { Manageable: 'True/Manageable', Progressing: 'True/Inspecting' }],
    ['preparing', at('preparing'), { Progressing: 'True/Preparing', AvailableForProvisioning: 'False/NotAvailable' }],
    ['available', at('available'), { AvailableForProvisioning: 'True/Available', Ready: 'False/NotProvisioned' }],
    ['ready', at('ready'), { AvailableForProvisioning: 'True/Available' }],
    [
      'available with an error',
      { ...at('available'), operationalStatus: 'error', errorType: 'power management error' },
      { AvailableForProvisioning: 'True/Available', Ready: 'False/Error', Manageable: 'False/PowerFailure' },
    ],
    ['provisioning', at('provisioning'), { Progressing: 'True/Provisioning', Provisioned: 'False/NotProvisioned' }],
    ['provisioned', at('provisioned'), { Provisioned: 'True/Provisioned', Ready: 'True/Provisioned' }],
    [
      'externally provisioned',
      at('externally provisioned'),
      { Provisioned: 'True/Provisioned', Ready: 'True/Provisioned' },
    ],
    [
      'detached',
      { ...at('provisioned'), operationalStatus: 'detached' },
      { Provisioned: 'True/Provisioned', Ready: 'False/Detached', Progressing: 'False/Detached' },
    ],
    ['servicing', { ...at('provisioned'), operationalStatus: 'servicing' }, { Ready: 'False/Servicing' }],
    ['deprovisioning', at('deprovisioning'), { Progressing: 'True/Deprovisioning', Ready: 'False/NotProvisioned' }],
    ['powering off', at('powering off before delete'), { Progressing: 'True/PoweringOffBeforeDelete' }],
    ['deleting', at('deleting'), { Progressing: 'True/Deleting' }],
  ];
  for (const [name, status, wanted] of rows) {
    test(name, () => {
      const found = of(status);
      for (const [type, value] of Object.entries(wanted)) assert.equal(found[type], value, type);
      assert.equal(found['Healthy'], 'Unknown/Unknown');
    });
  }

  test('a transition time moves only with the status; the generation is the one seen', () => {
    const status = completeStatus(at('registering'));
    status.conditions = computeConditions(host(), status, NOW, undefined);
    status.provisioning.state = 'inspecting';
    const later = computeConditions(host(), status, NOW + 60_000, undefined);
    const time = (type: string) => later.find((c) => c.type === type)?.lastTransitionTime;
    assert.equal(time('Manageable'), '2026-01-01T00:01:00Z', 'False → True');
    assert.equal(time('Progressing'), '2026-01-01T00:00:00Z', 'True stays True');
    assert.ok(later.every((c) => c.observedGeneration === 4));
  });

  test('what is waited for is the message of Progressing', () => {
    const list = computeConditions(host(), completeStatus(at('provisioning')), NOW, 'Secret x');
    assert.equal(list.find((c) => c.type === 'Progressing')?.message, 'Secret x');
  });

  test('health as the BMC tells it, with the parts that are not well', () => {
    const found = (health: Health | undefined, parts: string[] = []) => {
      const list = computeConditions(host(), completeStatus(at('available')), NOW, undefined, { health, parts });
      const { status, reason, message } = list.find((c) => c.type === 'Healthy') ?? {};
      return [status, reason, message];
    };
    assert.deepEqual(found('ok'), ['True', 'Healthy', '']);
    assert.deepEqual(found('warning', ['Fan 3 (warning)']), ['False', 'Warning', 'Fan 3 (warning)']);
    const parts = ['PSU 1 (critical)', 'Fan 3 (warning)'];
    assert.deepEqual(found('critical', parts), ['False', 'CriticalError', 'PSU 1 (critical), Fan 3 (warning)']);
    assert.deepEqual(found('critical'), ['False', 'CriticalError', 'the BMC names no part']);
    assert.deepEqual(found(undefined), ['Unknown', 'Unknown', 'the BMC does not report health']);
  });

  test('known health stays when it cannot be read', () => {
    const known = {
      type: 'Healthy',
      status: 'False' as const,
      reason: 'Warning',
      message: 'fan',
      lastTransitionTime: '2025-01-01T00:00:00Z',
    };
    const list = computeConditions(host(), completeStatus({ ...at('available'), conditions: [known] }), NOW, undefined);
    const { observedGeneration: _, ...health } = list.find((c) => c.type === 'Healthy') ?? {};
    assert.deepEqual(health, known);
  });
});

suite('metrics (metal3-compat §7.2)', () => {
  test('the names, types and labels that dashboards know', async () => {
    const metrics = new Metrics();
    const counted = new HostMetrics(metrics);
    const key = { namespace: 'lab', name: 'n' };
    counted.pass(key);
    counted.note(key, { metric: 'operation', operation: 'inspect', seconds: 100 });
    counted.note(key, { metric: 'state', from: 'available', to: 'provisioning' });
    counted.note(key, { metric: 'delayed', deprovisioning: true });
    const { body } = await metrics.expose();
    const types = new Map([...body.matchAll(/^# TYPE (metal3_\S+) (\S+)$/gm)].map((m) => [m[1], m[2]]));
    const counters = [
      'metal3_reconcile_total',
      'metal3_reconcile_error_total',
      'metal3_host_error_total',
      'metal3_operation_power_change_total',
      'metal3_credentials_missing_total',
      'metal3_credentials_invalid_total',
      'metal3_credentials_unhandled_error_total',
      'metal3_credentials_updated_total',
      'metal3_credentials_no_management_access_total',
      'metal3_host_config_data_error_total',
      'metal3_delayed__provisioning_total',
      'metal3_delayed__deprovisioning_total',
      'metal3_provisioning_state_change_total',
      'metal3_host_registration_required_total',
      'metal3_host_unmanaged_total',
      'metal3_delete_without_deprovisioning_total',
      'metal3_delete_delayed_for_detached_total',
    ];
    for (const name of counters) assert.equal(types.get(name), 'counter', name);
    for (const phase of ['register', 'inspect', 'provision', 'deprovision']) {
      assert.equal(types.get(`metal3_operation_${phase}_duration_seconds`), 'histogram');
    }
    assert.match(body, /metal3_operation_inspect_duration_seconds_bucket\{le="180",namespace="lab",host="n"\} 1/);
    assert.match(body, /metal3_operation_inspect_duration_seconds_bucket\{le="90",namespace="lab",host="n"\} 0/);
    assert.match(body, /state_change_total\{prev_state="available",new_state="provisioning"\} 1/);
    assert.match(body, /metal3_delayed__deprovisioning_total\{namespace="lab",host="n"\} 1/);
  });
});

suite('events (metal3-compat §7.1)', () => {
  test('an event object is what dashboards expect', () => {
    const consumerRef = { kind: 'Metal3Machine', name: 'm', namespace: 'lab' };
    const event = eventObject(host({ consumerRef }), { reason: 'InspectionError', message: 'no' }, NOW);
    assert.deepEqual(event, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: '', generateName: 'InspectionError-', namespace: 'lab' },
      involvedObject: {
        apiVersion: 'metal3.io/v1alpha1',
        kind: 'BareMetalHost',
        namespace: 'lab',
        name: 'n',
        uid: 'u-1',
      },
      related: consumerRef,
      reason: 'InspectionError',
      message: 'no',
      type: 'Normal',
      count: 1,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      source: { component: 'metal3-baremetal-controller' },
      reportingComponent: 'metal3.io/baremetal-controller',
    });
  });

  test('a message too long for the API is cut', () => {
    assert.equal(eventObject(host(), { reason: 'PowerOn', message: 'x'.repeat(5000) }, NOW).message.length, 1024);
  });

  const reasons = [
    ['registration error', 'RegistrationError'],
    ['provisioned registration error', 'ProvisionedRegistrationError'],
    ['inspection error', 'InspectionError'],
    ['preparation error', 'PreparationError'],
    ['provisioning error', 'ProvisioningError'],
    ['power management error', 'PowerManagementError'],
    ['servicing error', 'ServicingError'],
  ] as const;
  for (const [type, reason] of reasons) test(type, () => assert.equal(errorReason(type), reason));
});
