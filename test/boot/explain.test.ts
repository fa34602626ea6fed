import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import type { HostProgressStatus, TimelineEntry } from '../../src/api/hostprogress.ts';
import { diagnoseBoot } from '../../src/boot/diagnose.ts';
import { explain, explanationText } from '../../src/boot/explain.ts';
import { observationOf } from '../../src/boot/dhcp-observer.ts';
import { TIMELINE_LIMIT, withObservation } from '../../src/boot/timeline.ts';
import { kubeTime } from '../../src/core/clock.ts';

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0);
const MAC = '52:54:00:00:00:01';
const at = (secondsAgo: number) => kubeTime(NOW - secondsAgo * 1000);

const HOST: BareMetalHost = {
  apiVersion: 'metal3.io/v1alpha1',
  kind: 'BareMetalHost',
  metadata: { name: 'node-0', namespace: 'lab' },
  spec: { online: true, bootMACAddress: MAC },
  status: {
    operationalStatus: 'OK',
    errorMessage: '',
    errorCount: 0,
    provisioningFailCount: 0,
    poweredOn: true,
    provisioning: { state: 'inspecting', ID: 'x' },
  },
};

const WAITING: HostProgressStatus = {
  operation: {
    kind: 'inspect',
    id: 'o',
    step: 'inspect',
    startedAt: at(100),
    stepSince: at(100),
    request: '',
    boots: 1,
    retries: 0,
  },
  step: 'reading the hardware',
  ramdiskBoot: { step: 'wait-agent', since: at(95) },
  wait: { name: 'the ramdisk’s agent to register', since: at(95), until: at(-805) },
  timeline: [{ at: at(95), source: 'bmc', kind: 'power-on', text: 'powered on, verified' }],
};

const seen = (kind: string, text = kind, secondsAgo = 90): TimelineEntry => ({
  at: at(secondsAgo),
  source: 'dhcp',
  kind,
  text,
});

describe('explain', () => {
  it('says what is awaited, since when, until when and what to check', () => {
    const text = explanationText(explain(HOST, WAITING, NOW));
    assert.match(text, /^lab\/node-0 is inspecting \(for 100 s\): booting the ramdisk, then reading the hardware\.\n/);
    assert.match(text, /Waiting for the ramdisk’s agent to register, since 95 s; for another 13 min at most\./);
    assert.match(
      text,
      /Check: powered on 95 s ago, no DHCP request from 52:54:00:00:00:01 seen; check cabling or boot/,
    );
    assert.match(text, /If it does not come: the machine is switched off and booted again/);
  });

  it('has nothing to check while a boot comes on, but for a refusal', () => {
    const checks = (...entries: TimelineEntry[]) =>
      explain(HOST, { ...WAITING, timeline: [...(WAITING.timeline ?? []), ...entries] }, NOW).check;
    assert.deepEqual(checks(seen('http-ramdisk', 'ramdisk asked for', 5)), []);
    assert.match(checks(seen('http-ramdisk', 'ramdisk asked for', 40)).join(), /its agent has not registered/);
    assert.match(
      checks(seen('dhcp-ack', '', 6), seen('dhcp-silent', 'no loader', 5)).join(),
      /not answered: no loader/,
    );
  });

  const stages: [string, TimelineEntry[], RegExp][] = [
    ['DHCP only', [seen('dhcp-offer')], /the boot loader was not fetched/],
    ['DHCP refused', [seen('dhcp-silent', 'no loader for ARM')], /was not answered: no loader for ARM/],
    ['loader', [seen('dhcp-ack'), seen('tftp-sent')], /no iPXE script was asked for/],
    ['script', [seen('http-script')], /not the kernel/],
    ['ramdisk', [seen('http-script'), seen('http-ramdisk')], /its agent has not registered.*console/],
    ['refused', [seen('http-ramdisk'), seen('agent-refused', 'refused: wrong token')], /refused: wrong token/],
    ['an earlier boot', [seen('http-ramdisk', '', 500)], /no DHCP request/],
  ];
  for (const [name, entries, expected] of stages) {
    it(`names the stage a boot is stuck at: ${name}`, () => {
      const timeline = [...(WAITING.timeline ?? []), ...entries];
      assert.match(diagnoseBoot({ ...WAITING, timeline }, MAC, NOW), expected);
    });
  }

  it('shows figures, errors, another DHCP server and a host that is off on purpose', () => {
    const progress: HostProgressStatus = {
      ...WAITING,
      ramdiskBoot: undefined,
      wait: undefined,
      step: 'writing the image',
      percent: 43,
      bytesDone: 430 * 2 ** 20,
      bytesTotal: 1000 * 2 ** 20,
      bytesPerSecond: 85 * 2 ** 20,
      etaSeconds: 7,
      timeline: [seen('dhcp-foreign', 'another DHCP server, 10.0.0.9, answers this machine')],
    } as unknown as HostProgressStatus;
    const host: BareMetalHost = {
      ...HOST,
      status: { ...HOST.status, errorType: 'inspection error', errorMessage: 'it broke', errorCount: 3 } as never,
    };
    const text = explanationText(explain(host, progress, NOW));
    assert.match(text, /writing the image, 43 % \(430 MiB of 1000 MiB, 85 MiB\/s, about 7 s left\)/);
    assert.match(text, /Error: inspection error \(3 times\): it broke/);
    assert.match(text, /10\.0\.0\.9.*--proxy-dhcp/);
  });

  it('says what to do about an error and whether it is tried again by itself', () => {
    const failed = (message: string) =>
      explainText({
        ...HOST.status,
        operationalStatus: 'error',
        errorType: 'registration error',
        errorMessage: message,
      });
    const explainText = (status: unknown) =>
      explanationText(explain({ ...HOST, status: status as never }, {}, NOW, (code) => `hint of ${code}`));
    const retried = failed('no answer (BMC_UNREACHABLE)');
    assert.match(retried, /^lab\/node-0 is inspecting, powered on, and in error\.$/m);
    assert.match(retried, /Check: hint of BMC_UNREACHABLE/);
    assert.match(retried, /tried again by itself after a pause/);
    assert.match(failed('spec.bmc.address x: no (BMC_SCHEME_UNKNOWN)'), /as soon as the host or its Secret is edited/);
  });

  it('says which Secret an available host waits for', () => {
    const message = 'Secret ud (spec.userData) does not exist (HOST_CONFIG_PENDING)';
    const conditions = [{ type: 'Progressing', status: 'False', reason: 'NotProgressing', message }];
    const host = { ...HOST, status: { ...HOST.status, provisioning: { state: 'available', ID: 'x' }, conditions } };
    const text = explanationText(explain(host as never, {}, NOW));
    assert.match(text, /is available, powered on\.\nWaiting: Secret ud \(spec\.userData\) does not exist/);
  });

  it('explains hosts of which nothing is known', () => {
    const bare: BareMetalHost = { ...HOST, status: undefined } as never;
    assert.match(explain(bare, {}, NOW).headline, /has just been created/);
    assert.match(explain({ ...HOST, metadata: { name: 'x' } }, {}, NOW).headline, /Nothing is under way/);
  });
});

describe('timeline', () => {
  const entry = { source: 'dhcp', kind: 'dhcp-offer', text: 'offer' } as const;

  it('counts repetitions, also when two things alternate', () => {
    let timeline: TimelineEntry[] = [];
    for (let i = 0; i < 10; i++) {
      timeline = withObservation(timeline, entry, NOW + i * 1000);
      timeline = withObservation(timeline, { ...entry, kind: 'dhcp-ack' }, NOW + i * 1000);
    }
    assert.deepEqual(
      timeline.map((e) => [e.kind, e.count, e.lastAt]),
      [
        ['dhcp-offer', 10, at(-9)],
        ['dhcp-ack', 10, at(-9)],
      ],
    );
  });

  it('keeps apart what lies minutes apart, and all that the engine does', () => {
    const twice = (first: typeof entry | { source: 'host'; kind: string; text: string }, ms: number) =>
      withObservation(withObservation([], first, NOW), first, NOW + ms).length;
    assert.equal(twice(entry, 1000), 1);
    assert.equal(twice(entry, 600_000), 2);
    assert.equal(twice({ source: 'host', kind: 'step', text: 'x' }, 1000), 2);
  });

  it('is not pushed out by a stranger who tries to register again and again', () => {
    let timeline = withObservation([], { source: 'host', kind: 'step', text: 'writing the image' }, NOW);
    const refused = { source: 'agent', kind: 'agent-refused', text: 'refused an agent from 10.0.0.66: wrong token' };
    for (let i = 0; i < 2 * TIMELINE_LIMIT; i++)
      timeline = withObservation(timeline, { ...refused, source: 'agent' }, NOW + i);
    assert.deepEqual(
      timeline.map((e) => [e.kind, e.count]),
      [
        ['step', undefined],
        ['agent-refused', 2 * TIMELINE_LIMIT],
      ],
    );
  });

  it('is bounded, drops the oldest and hides secrets', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 500 }), { maxLength: 300 }), (texts) => {
        let timeline: TimelineEntry[] = [];
        for (const text of texts) timeline = withObservation(timeline, { source: 'host', kind: 'k', text }, NOW);
        assert.equal(timeline.length, Math.min(TIMELINE_LIMIT, texts.length));
        assert.ok(timeline.every((e) => e.text.length <= 300));
      }),
      { numRuns: 30 },
    );
    const [hidden] = withObservation([], { source: 'host', kind: 'k', text: 'ingot.token=abc boot' }, NOW);
    assert.equal(hidden?.text, 'ingot.token=[redacted] boot');
  });

  it('does not keep signatures of URLs', () => {
    const client = { mac: MAC, stage: 'ipxe', arch: 7, userClass: [], relay: 0 };
    const event = {
      kind: 'reply',
      at: 0,
      iface: 'br0',
      request: 'DISCOVER',
      client: { ...client, vendorClass: undefined, uuid: undefined, hostname: undefined },
      answer: 'OFFER',
      address: '10.0.0.5',
      file: 'http://10.0.0.1:8080/boot/x/script.ipxe?expires=a&sig=SIGNATURE',
      to: '',
      reason: '',
    } as const;
    const text = observationOf({ ...event, client: { ...event.client, stage: 'ipxe', userClass: [] } })?.text ?? '';
    assert.match(text, /OFFER 10\.0\.0\.5, boot file http:\/\/10\.0\.0\.1:8080\/boot\/x\/script\.ipxe$/);
    assert.doesNotMatch(text, /SIGNATURE/);
  });
});
