import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { Destination } from '../../src/dhcp/destination.ts';
import type { DhcpEvent } from '../../src/dhcp/events.ts';
import { type LeaseBook, memoryLeaseBook } from '../../src/dhcp/lease-book.ts';
import { decodeMessage } from '../../src/dhcp/message.ts';
import type { BootPolicy } from '../../src/dhcp/policy.ts';
import { startDhcpServer } from '../../src/dhcp/server.ts';
import type { OpenSockets } from '../../src/dhcp/sockets.ts';
import { readIp } from '../../src/dhcp/values.ts';
import { formatIpv4 } from '../../src/wire/ipv4.ts';
import { SERVER, config, ip, ipHex, rawRequest } from './kit.ts';

interface FakePort {
  iface: string;
  port: number;
  hear: (bytes: Uint8Array) => void;
  sent: { bytes: Uint8Array; to: Destination }[];
  closed: boolean;
}

function fakeNetwork(): { ports: FakePort[]; open: OpenSockets } {
  const ports: FakePort[] = [];
  const open: OpenSockets = (wanted) =>
    Promise.resolve(
      wanted.map(({ iface, port }) => {
        const at: FakePort = {
          iface: iface.name,
          port,
          hear: () => assert.fail('not listening'),
          sent: [],
          closed: false,
        };
        ports.push(at);
        return {
          receive: (handler) => void (at.hear = (bytes) => handler(bytes, { address: 0, port: 68 })),
          send: (bytes, to) => Promise.resolve(void at.sent.push({ bytes, to })),
          close: () => void (at.closed = true),
        };
      }),
    );
  return { ports, open };
}

async function started(policy: BootPolicy, leases: LeaseBook = memoryLeaseBook()) {
  const network = fakeNetwork();
  const events: DhcpEvent[] = [];
  const server = await startDhcpServer({
    interfaces: [
      { name: 'eth0', address: SERVER, prefix: 24 },
      { name: 'eth1', address: ip('10.9.0.1'), prefix: 16 },
    ],
    config: config(),
    policy,
    leases,
    clock: new FakeClock(),
    random: () => 0.5,
    log: silentLogger,
    observe: (e) => events.push(e),
    openSockets: network.open,
  });
  const port = (iface: string, number = 67) => {
    const found = network.ports.find((p) => p.iface === iface && p.port === number);
    assert.ok(found !== undefined);
    return found;
  };
  return { server, events, port, ports: network.ports };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const address: BootPolicy = () => ({ kind: 'address', reason: 'known' });

describe('the server', () => {
  it('answers by the interface that asked and tells what it did', async () => {
    const { server, events, port } = await started(address);
    port('eth1').hear(rawRequest(1));
    await turn();
    assert.equal(port('eth0').sent.length, 0);
    const [sent] = port('eth1').sent;
    assert.ok(sent !== undefined);
    const offer = decodeMessage(sent.bytes);
    assert.match(formatIpv4(offer.yiaddr), /^10\.9\.1\./);
    const [event] = events;
    assert.ok(event?.kind === 'reply');
    assert.deepEqual(
      [event.iface, event.request, event.answer, event.client.mac],
      ['eth1', 'DISCOVER', 'OFFER', '52:54:00:00:00:01'],
    );
    assert.deepEqual(
      server.leases().map((l) => l.state),
      ['offered'],
    );
    await server.close();
  });

  it('sends a relayed machine to the address of the interface that its relay reached', async () => {
    const boot: BootPolicy = (_, at) => ({ kind: 'boot', file: 'undionly.kpxe', server: at, reason: 'planned' });
    const { server, port } = await started(boot);
    // A relay in the network of eth0 whose packets come in on eth1.
    port('eth1').hear(rawRequest(1, { giaddr: '10.0.0.254' }));
    await turn();
    const [sent] = port('eth1').sent;
    assert.ok(sent !== undefined);
    assert.equal(`${formatIpv4(sent.to.address)}:${sent.to.port}`, '10.0.0.254:67');
    const offer = decodeMessage(sent.bytes);
    assert.match(formatIpv4(offer.yiaddr), /^10\.0\.0\.10\d$/);
    assert.equal(formatIpv4(offer.siaddr), '10.9.0.1');
    assert.equal(formatIpv4(readIp(offer.options, 54) ?? 0), '10.9.0.1');
    await server.close();
  });

  it('says ACK only after the lease is on disk', async () => {
    const memory = memoryLeaseBook();
    const disk = Promise.withResolvers<void>();
    const slow: LeaseBook = { ...memory, apply: (change) => memory.apply(change).then(() => disk.promise) };
    const { server, port } = await started(address, slow);
    port('eth0').hear(rawRequest(3, { options: [[50, ipHex('10.0.0.105')]] }));
    await turn();
    assert.equal(port('eth0').sent.length, 0);
    disk.resolve();
    await turn();
    assert.equal(port('eth0').sent.length, 1);
    await server.close();
  });

  it('says nothing when the lease cannot be written, and goes on', async () => {
    const memory = memoryLeaseBook();
    const broken: LeaseBook = { ...memory, apply: () => Promise.reject(new Error('disk full')) };
    const { server, events, port } = await started(address, broken);
    port('eth0').hear(rawRequest(1));
    await turn();
    assert.equal(port('eth0').sent.length, 0);
    assert.ok(events[0]?.kind === 'silence' && events[0].code === 'internal' && events[0].reason === 'disk full');
    await server.close();
  });

  it('outlives broken packets and a policy that throws', async () => {
    let calls = 0;
    const { server, events, port } = await started(() => {
      calls += 1;
      if (calls === 1) throw new Error('policy broke');
      return { kind: 'address', reason: '' };
    });
    port('eth0').hear(Uint8Array.of(1));
    port('eth0').hear(rawRequest(1));
    port('eth0').hear(rawRequest(1));
    await turn();
    assert.deepEqual(
      events.map((e) => e.kind),
      ['malformed', 'silence', 'reply'],
    );
    await server.close();
  });

  it('notices another DHCP server', async () => {
    const { server, events, port } = await started(address);
    port('eth0').hear(
      rawRequest(3, {
        options: [
          [50, ipHex('10.0.0.105')],
          [54, ipHex('10.0.0.7')],
        ],
      }),
    );
    await turn();
    const foreign = events.find((e) => e.kind === 'foreign-server');
    assert.partialDeepStrictEqual(foreign, {
      server: '10.0.0.7',
      iface: 'eth0',
      address: '10.0.0.105',
      expected: false,
    });
    await server.close();
  });

  it('takes a new configuration and keeps the old one when that is wrong', async () => {
    const { server, port } = await started(address);
    assert.throws(() => server.configure({ ...config(), subnets: [...config().subnets, ...config().subnets] }), {
      code: 'DHCP_CONFIG',
    });
    server.configure(config({ subnets: [] }));
    port('eth0').hear(rawRequest(1));
    await turn();
    assert.equal(port('eth0').sent.length, 0);
    await server.close();
  });

  it('closes every port once', async () => {
    const { server, ports } = await started(address);
    await Promise.all([server.close(), server.close()]);
    assert.equal(ports.length, 4);
    assert.ok(ports.every((p) => p.closed));
  });
});
