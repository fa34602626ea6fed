import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dhcpObserver, observationOf } from '../../src/boot/dhcp-observer.ts';
import { HostIndex } from '../../src/boot/host-index.ts';
import { Sightings } from '../../src/boot/sightings.ts';
import { Timeline } from '../../src/boot/timeline.ts';
import { FakeClock } from '../../src/core/clock.ts';
import type { DhcpEvent } from '../../src/dhcp/events.ts';
import type { ClientFacts } from '../../src/dhcp/policy.ts';
import type { HostProgressStatus } from '../../src/api/hostprogress.ts';

const MAC = '52:54:00:00:00:01';
const FOREIGN = { kind: 'foreign-server', at: 0, iface: 'br0', server: '10.0.0.9', mac: MAC, address: '' } as const;
const CLIENT: ClientFacts = {
  mac: MAC,
  stage: 'pxe',
  arch: 0,
  vendorClass: undefined,
  userClass: [],
  uuid: undefined,
  hostname: undefined,
  relay: 0,
};

describe('boot: what DHCP tells the timeline', () => {
  it('warns of another server, unless we are the proxy beside it', () => {
    assert.equal(observationOf({ ...FOREIGN, expected: false })?.kind, 'dhcp-foreign');
    assert.deepEqual(observationOf({ ...FOREIGN, address: '10.0.0.57', expected: true }), {
      source: 'dhcp',
      kind: 'dhcp-proxied',
      text: 'takes 10.0.0.57 from DHCP server 10.0.0.9',
    });
  });

  it('is silent about what a proxy leaves to that server, and says why else nobody was answered', () => {
    const silence = {
      kind: 'silence',
      at: 0,
      iface: 'br0',
      request: 'REQUEST',
      client: CLIENT,
      reason: 'why',
    } as const;
    assert.equal(observationOf({ ...silence, code: 'proxied' }), undefined);
    assert.match(observationOf({ ...silence, code: 'policy' })?.text ?? '', /not answered: why/);
  });

  it('learns where a machine is: from our own ACK, and from what it takes of another server', () => {
    const hosts = new HostIndex();
    hosts.set({
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BareMetalHost',
      metadata: { namespace: 'lab', name: 'node-0' },
      spec: { online: true, bootMACAddress: MAC },
    });
    let status: HostProgressStatus = {};
    const book = { status: () => status, note: (_: unknown, patch: HostProgressStatus) => void (status = patch) };
    const sightings = new Sightings(hosts);
    const observe = dhcpObserver(new Timeline({ book, clock: new FakeClock() }), sightings);
    const ack = { kind: 'reply', at: 0, iface: 'br0', request: 'REQUEST', client: CLIENT, answer: 'ACK' } as const;
    const told: DhcpEvent[] = [
      { ...FOREIGN, address: '10.0.0.57', expected: true },
      { ...ack, address: '10.0.0.58', file: '', to: '', reason: '' },
      { ...ack, answer: 'OFFER', address: '10.0.0.59', file: '', to: '', reason: '' },
    ];
    for (const event of told) observe(event);
    const at = (ip: string) => sightings.hostAt(ip)?.name;
    assert.deepEqual(
      ['10.0.0.57', '10.0.0.58', '10.0.0.59'].map(at),
      ['node-0', 'node-0', undefined],
      'an offer is not an address yet',
    );
  });
});
