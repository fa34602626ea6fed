import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decide } from '../../src/dhcp/decide.ts';
import { type LeaseState, LeaseTable } from '../../src/dhcp/leases.ts';
import type { BootAnswer } from '../../src/dhcp/policy.ts';
import type { DhcpRequest } from '../../src/dhcp/request.ts';
import { fromHex, toHex } from '../../src/wire/hex.ts';
import { formatIpv4, parseCidr } from '../../src/wire/ipv4.ts';
import { capture } from '../support/captures.ts';
import { ADDRESS_ONLY, BOOT, MAC, NOW, config, ip, ipHex, rawRequest, request } from './kit.ts';

const DISCOVER = 1;
const REQUEST = 3;
const DECLINE = 4;
const RELEASE = 7;
const INFORM = 8;
const OURS = ipHex('10.0.0.1');

function table(...leases: [string, string, LeaseState, number][]): LeaseTable {
  const t = new LeaseTable();
  for (const [client, address, state, seconds] of leases) {
    const lease = { client, address: ip(address), state, expires: NOW + seconds * 1000 };
    t.put({ lease, subnet: parseCidr('10.0.0.0/24') });
  }
  return t;
}

/** The decision in short, for comparing. */
function outcome(r: DhcpRequest, leases = table(), answer: BootAnswer = ADDRESS_ONLY, cfg = config()): string {
  const d = decide(r, leases, cfg, answer);
  const changed = d.change === undefined ? '' : ` [${d.change.lease.state} ${formatIpv4(d.change.lease.address)}]`;
  if (d.kind === 'silent') return `silent ${d.code}${changed}`;
  const name = ['', '', 'OFFER', '', '', 'ACK', 'NAK'][d.type] ?? '';
  return `${name} ${formatIpv4(d.message.yiaddr)} to ${formatIpv4(d.to.address)}:${d.to.port}${changed}`;
}

function replyOf(r: DhcpRequest, answer: BootAnswer, cfg = config()) {
  const d = decide(r, table(), cfg, answer);
  assert.ok(d.kind === 'reply');
  return d.message;
}

describe('DISCOVER', () => {
  it('is offered the address asked for when that is free', () => {
    const r = request(rawRequest(DISCOVER, { options: [[50, ipHex('10.0.0.105')]] }));
    assert.equal(outcome(r), 'OFFER 10.0.0.105 to 255.255.255.255:68 [offered 10.0.0.105]');
  });

  it('is offered what it had, not what it asks for', () => {
    const r = request(rawRequest(DISCOVER, { options: [[50, ipHex('10.0.0.105')]] }));
    assert.match(outcome(r, table([MAC, '10.0.0.103', 'bound', -50])), /^OFFER 10\.0\.0\.103 /);
  });

  it('keeps a running lease as it is', () => {
    const r = request(rawRequest(DISCOVER));
    assert.equal(outcome(r, table([MAC, '10.0.0.103', 'bound', 50])), 'OFFER 10.0.0.103 to 255.255.255.255:68');
  });

  it('is offered its reservation, whatever it asks for, and nobody else is', () => {
    const wish: [number, string][] = [[50, ipHex('10.0.0.105')]];
    const owner = request(rawRequest(DISCOVER, { mac: '52:54:00:00:00:99', options: wish }));
    assert.match(outcome(owner), /^OFFER 10\.0\.0\.20 /);
    const other = request(rawRequest(DISCOVER, { options: [[50, ipHex('10.0.0.20')]] }));
    assert.match(outcome(other), /^OFFER 10\.0\.0\.10\d /);
  });

  it('is left without answer when everything is in use', () => {
    const all = Array.from({ length: 10 }, (_, i): [string, string, LeaseState, number] => [
      `02:00:00:00:00:0${i}`,
      `10.0.0.10${i}`,
      'bound',
      60,
    ]);
    assert.equal(outcome(request(rawRequest(DISCOVER)), table(...all)), 'silent no-address');
    const one = all.map((l, i): [string, string, LeaseState, number] => (i === 4 ? [l[0], l[1], 'bound', -1] : l));
    assert.match(outcome(request(rawRequest(DISCOVER)), table(...one)), /^OFFER 10\.0\.0\.104 /);
  });

  it('of an unknown machine gets silence with the reason', () => {
    const d = decide(request(rawRequest(DISCOVER)), table(), config(), { kind: 'silent', reason: 'unknown MAC' });
    assert.deepEqual(d, { kind: 'silent', code: 'policy', reason: 'unknown MAC' });
  });

  it('never makes us send to the address it claims', () => {
    const r = request(rawRequest(DISCOVER, { ciaddr: '203.0.113.7' }));
    assert.match(outcome(r), / to 255\.255\.255\.255:68/);
  });

  it('through a relay is answered to the relay, of the network behind it', () => {
    const r = request(rawRequest(DISCOVER, { giaddr: '10.9.0.1', options: [[82, '010461626364']] }));
    assert.match(outcome(r), /^OFFER 10\.9\.1\.\d+ to 10\.9\.0\.1:67 /);
    assert.equal(toHex(replyOf(r, ADDRESS_ONLY).options.get(82) ?? new Uint8Array()), '010461626364');
    const elsewhere = request(rawRequest(DISCOVER, { giaddr: '10.8.0.1' }));
    assert.equal(outcome(elsewhere), 'silent no-subnet');
  });

  it('obeys link selection (RFC 3527) and the server identifier its relay demands (RFC 5107)', () => {
    const info = `0504${ipHex('10.9.0.0')}0b04${ipHex('192.0.2.1')}`;
    const r = request(rawRequest(DISCOVER, { giaddr: '10.8.0.1', options: [[82, info]] }));
    assert.match(outcome(r), /^OFFER 10\.9\.1\.\d+ to 10\.8\.0\.1:67 /);
    assert.equal(toHex(replyOf(r, ADDRESS_ONLY).options.get(54) ?? new Uint8Array()), ipHex('192.0.2.1'));
  });
});

describe('REQUEST', () => {
  const wants = (address: string, ...more: [number, string][]): [number, string][] => [[50, ipHex(address)], ...more];
  const cases: [string, ReturnType<typeof rawRequest>, LeaseTable, string][] = [
    [
      'that takes our offer is bound',
      rawRequest(REQUEST, { options: wants('10.0.0.103', [54, OURS]) }),
      table([MAC, '10.0.0.103', 'offered', 60]),
      'ACK 10.0.0.103 to 255.255.255.255:68 [bound 10.0.0.103]',
    ],
    [
      'that takes another server’s offer frees ours',
      rawRequest(REQUEST, { options: wants('10.0.0.103', [54, ipHex('10.0.0.2')]) }),
      table([MAC, '10.0.0.103', 'offered', 60]),
      'silent other-server [released 10.0.0.103]',
    ],
    [
      'for an address that went to somebody else is refused',
      rawRequest(REQUEST, { options: wants('10.0.0.103', [54, OURS]) }),
      table(['02:00:00:00:00:01', '10.0.0.103', 'bound', 60]),
      'NAK 0.0.0.0 to 255.255.255.255:68',
    ],
    [
      'after a reboot is confirmed',
      rawRequest(REQUEST, { options: wants('10.0.0.103') }),
      table([MAC, '10.0.0.103', 'bound', 60]),
      'ACK 10.0.0.103 to 255.255.255.255:68 [bound 10.0.0.103]',
    ],
    [
      'after a reboot in another network is refused',
      rawRequest(REQUEST, { options: wants('192.168.1.5') }),
      table(),
      'NAK 0.0.0.0 to 255.255.255.255:68',
    ],
    [
      'after our lease book was lost is confirmed when the address is free',
      rawRequest(REQUEST, { options: wants('10.0.0.108') }),
      table(),
      'ACK 10.0.0.108 to 255.255.255.255:68 [bound 10.0.0.108]',
    ],
    [
      'to renew is answered by unicast',
      rawRequest(REQUEST, { ciaddr: '10.0.0.103' }),
      table([MAC, '10.0.0.103', 'bound', 20]),
      'ACK 10.0.0.103 to 10.0.0.103:68 [bound 10.0.0.103]',
    ],
    [
      'to renew what belongs to another is refused by broadcast',
      rawRequest(REQUEST, { ciaddr: '10.0.0.103' }),
      table(['02:00:00:00:00:01', '10.0.0.103', 'bound', 60]),
      'NAK 0.0.0.0 to 255.255.255.255:68',
    ],
    ['without an address is ignored', rawRequest(REQUEST), table(), 'silent not-for-server'],
  ];
  for (const [what, bytes, leases, expected] of cases) {
    it(what, () => assert.equal(outcome(request(bytes), leases), expected));
  }

  it('of a client we know nothing of is left to others when we are not authoritative', () => {
    const r = request(rawRequest(REQUEST, { options: wants('192.168.1.5') }));
    assert.equal(outcome(r, table(), ADDRESS_ONLY, config({ authoritative: false })), 'silent unknown-lease');
  });

  it('through a relay is refused by a broadcast behind the relay', () => {
    const r = request(rawRequest(REQUEST, { giaddr: '10.9.0.1', options: wants('10.0.0.103') }));
    const d = decide(r, table(), config(), ADDRESS_ONLY);
    assert.ok(d.kind === 'reply');
    assert.equal(d.message.flags, 0x8000);
    assert.equal(formatIpv4(d.to.address), '10.9.0.1');
  });

  it('is never confirmed for our own address or the router’s', () => {
    for (const address of ['10.0.0.1', '10.0.0.254', '10.0.0.0', '10.0.0.255']) {
      assert.match(outcome(request(rawRequest(REQUEST, { options: wants(address, [54, OURS]) }))), /^NAK/);
    }
  });
});

describe('the others', () => {
  it('DECLINE keeps the address from everybody for a while', () => {
    const r = request(rawRequest(DECLINE, { options: [[50, ipHex('10.0.0.103')]] }));
    const leases = table([MAC, '10.0.0.103', 'bound', 60]);
    const d = decide(r, leases, config(), ADDRESS_ONLY);
    assert.equal(d.change?.lease.state, 'declined');
    assert.ok(d.change !== undefined);
    leases.put(d.change);
    const wish = rawRequest(DISCOVER, { options: [[50, ipHex('10.0.0.103')]] });
    assert.doesNotMatch(outcome(request(wish), leases), /10\.0\.0\.103/);
    assert.match(outcome(request(wish, { now: NOW + 601_000 }), leases), /10\.0\.0\.103/);
  });

  it('DECLINE and RELEASE of what another has change nothing', () => {
    const leases = table(['02:00:00:00:00:01', '10.0.0.103', 'bound', 60]);
    const decline = request(rawRequest(DECLINE, { options: [[50, ipHex('10.0.0.103')]] }));
    assert.equal(outcome(decline, leases), 'silent unknown-lease');
    assert.equal(outcome(request(rawRequest(RELEASE, { ciaddr: '10.0.0.103' })), leases), 'silent unknown-lease');
  });

  it('RELEASE frees at once', () => {
    const r = request(rawRequest(RELEASE, { ciaddr: '10.0.0.103' }));
    const leases = table([MAC, '10.0.0.103', 'bound', 60]);
    assert.equal(outcome(r, leases), 'silent noted [released 10.0.0.103]');
  });

  it('INFORM gets options and no lease', () => {
    const r = request(rawRequest(INFORM, { ciaddr: '10.0.0.200' }));
    assert.equal(outcome(r), 'ACK 0.0.0.0 to 10.0.0.200:68');
    const reply = replyOf(r, ADDRESS_ONLY);
    assert.equal(reply.options.has(51), false);
    assert.equal(toHex(reply.options.get(6) ?? new Uint8Array()), ipHex('10.0.0.53') + ipHex('10.0.1.53'));
  });

  it('a reply that strays here is not answered', () => {
    assert.equal(outcome(request(capture('dhcp', 'dnsmasq 2.90 as server', 'OFFER'))), 'silent not-for-server');
  });
});

describe('boot information', () => {
  const text = (value: Uint8Array | undefined) => Buffer.from(value ?? []).toString('latin1');

  it('for a UEFI PXE ROM: file in both places, PXEClient, no discovery, its UUID back', () => {
    const r = request(capture('dhcp', 'OVMF network stack', 'DISCOVER'));
    const reply = replyOf(r, BOOT);
    assert.equal(reply.file, 'snponly.efi');
    assert.equal(text(reply.options.get(67)), 'snponly.efi');
    assert.equal(text(reply.options.get(66)), '10.0.0.1');
    assert.equal(formatIpv4(reply.siaddr), '10.0.0.1');
    assert.equal(text(reply.options.get(60)), 'PXEClient');
    assert.deepEqual(reply.options.get(43), fromHex('060108ff'));
    assert.deepEqual(reply.options.get(97), r.message.options.get(97));
  });

  it('for iPXE: 175.176 = 1, nothing that makes it act as a ROM', () => {
    const reply = replyOf(request(capture('dhcp', 'BIOS', 'DISCOVER')), BOOT);
    assert.deepEqual(reply.options.get(175), fromHex('b00101'));
    assert.equal(reply.options.has(43), false);
    assert.equal(reply.options.has(60), false);
  });

  it('for UEFI HTTP boot: HTTPClient and a URL', () => {
    const url = 'http://10.0.0.1:8080/boot/snponly.efi';
    const answer: BootAnswer = { kind: 'boot', file: url, server: ip('10.0.0.1'), reason: '' };
    const reply = replyOf(request(capture('dhcp', 'OVMF UEFI HTTP boot', 'DISCOVER')), answer);
    assert.equal(text(reply.options.get(60)), 'HTTPClient');
    assert.equal(text(reply.options.get(67)), url);
  });

  it('with a URL too long for the header stands in option 67 alone', () => {
    const file = `http://10.0.0.1/${'x'.repeat(200)}`;
    const reply = replyOf(request(capture('dhcp', 'BIOS', 'DISCOVER')), { ...BOOT, file });
    assert.equal(reply.file, '');
    assert.equal(text(reply.options.get(67)), file);
  });
});

describe('proxyDHCP', () => {
  const proxy = config({ mode: 'proxy' });

  it('offers boot information without an address', () => {
    const r = request(capture('dhcp', 'OVMF network stack', 'DISCOVER'));
    assert.equal(outcome(r, table(), BOOT, proxy), 'OFFER 0.0.0.0 to 255.255.255.255:68');
    assert.equal(replyOf(r, BOOT, proxy).options.has(51), false);
  });

  it('makes iPXE take it for a proxy', () => {
    const reply = replyOf(request(capture('dhcp', 'BIOS', 'DISCOVER')), BOOT, proxy);
    assert.equal(Buffer.from(reply.options.get(60) ?? []).toString(), 'PXEClient');
    assert.equal(reply.options.has(175), false);
  });

  it('leaves requests and other clients to the other server', () => {
    const ovmf = request(capture('dhcp', 'OVMF network stack', 'REQUEST'));
    assert.equal(outcome(ovmf, table(), BOOT, proxy), 'silent proxied');
    assert.equal(outcome(request(capture('dhcp', 'udhcpc', 'DISCOVER')), table(), BOOT, proxy), 'silent proxied');
  });

  it('answers on 4011 to where the question came from', () => {
    const bytes = capture('dhcp', 'OVMF network stack', 'REQUEST');
    const r = request(bytes, { port: 4011, source: { address: ip('10.0.0.77'), port: 4011 } });
    assert.equal(outcome(r, table(), BOOT, proxy), 'ACK 0.0.0.0 to 10.0.0.77:4011');
  });
});
