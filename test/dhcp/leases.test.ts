import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { silentLogger } from '../../src/core/log.ts';
import { chooseAddress } from '../../src/dhcp/allocate.ts';
import { checkConfig } from '../../src/dhcp/config.ts';
import { openLeaseBook } from '../../src/dhcp/lease-book.ts';
import { type LeaseChange, type LeaseState, LeaseTable } from '../../src/dhcp/leases.ts';
import { parseCidr } from '../../src/wire/ipv4.ts';
import { NOW, config, ip } from './kit.ts';

const SUBNET = parseCidr('10.0.0.0/24');

function change(client: string, address: string, state: LeaseState = 'bound', seconds = 60): LeaseChange {
  return { lease: { client, address: ip(address), state, expires: NOW + seconds * 1000 }, subnet: SUBNET };
}

let dir = '';
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ingot-leases-'));
});
after(() => rm(dir, { recursive: true, force: true }));

describe('the lease book', () => {
  it('has after a restart what was confirmed, without offers', async () => {
    const at = join(dir, 'restart');
    const book = await openLeaseBook(at, silentLogger);
    await Promise.all([
      book.apply(change('a', '10.0.0.100')),
      book.apply(change('b', '10.0.0.101')),
      book.apply(change('c', '10.0.0.102', 'offered')),
      book.apply(change('b', '10.0.0.105')),
    ]);
    // Not closed: a killed process does not close either.
    const again = await openLeaseBook(at, silentLogger);
    assert.deepEqual(
      again.table.all().map((l) => [l.client, l.address, l.expires]),
      [
        ['a', ip('10.0.0.100'), NOW + 60_000],
        ['b', ip('10.0.0.105'), NOW + 60_000],
      ],
    );
    await book.close();
    await again.close();
  });

  it('drops a torn last line and lines that were changed', async () => {
    const at = join(dir, 'torn');
    const book = await openLeaseBook(at, silentLogger);
    await book.apply(change('a', '10.0.0.100'));
    await book.apply(change('b', '10.0.0.101'));
    await book.close();
    const file = join(at, 'dhcp-leases.log');
    await truncate(file, (await stat(file)).size - 5);
    await appendFile(file, '\n00000000 {"address":"10.0.0.103","client":"x","state":"bound"}\nnoise\n');
    const again = await openLeaseBook(at, silentLogger);
    assert.deepEqual(
      again.table.all().map((l) => l.client),
      ['a'],
    );
    await again.close();
  });

  it('stays small however often leases are renewed', async () => {
    const at = join(dir, 'compact');
    const book = await openLeaseBook(at, silentLogger);
    for (let round = 0; round < 30; round++) {
      await Promise.all(
        Array.from({ length: 100 }, (_, i) => book.apply(change(`c${i}`, `10.0.0.${i + 1}`, 'bound', round))),
      );
    }
    await book.close();
    const lines = (await readFile(join(at, 'dhcp-leases.log'), 'utf8')).split('\n').length;
    assert.ok(lines < 1300, `${lines} lines`);
    const again = await openLeaseBook(at, silentLogger);
    assert.equal(again.table.size, 100);
    assert.equal(again.table.at(ip('10.0.0.7'))?.expires, NOW + 29_000);
    await again.close();
  });

  it('says which file it cannot open', async () => {
    await appendFile(join(dir, 'plain'), 'x');
    await assert.rejects(openLeaseBook(join(dir, 'plain'), silentLogger), { code: 'DHCP_LEASES' });
  });
});

describe('choosing an address', () => {
  it('never gives one address to two clients, nor one outside the range', () => {
    const subnet = config().subnets[0];
    assert.ok(subnet !== undefined);
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 14 }), fc.integer({ min: 0, max: 200 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, (list) => {
        const leases = new LeaseTable();
        let now = NOW;
        for (const [who, seconds] of list) {
          now += seconds * 100;
          const client = `c${who}`;
          const address = chooseAddress({ client, now, taken: new Set([ip('10.0.0.101')]) }, subnet, leases);
          if (address === undefined) continue;
          assert.ok(address >= ip('10.0.0.100') && address <= ip('10.0.0.109') && address !== ip('10.0.0.101'));
          const held = leases.at(address);
          assert.ok(held === undefined || held.client === client || held.expires <= now);
          leases.put({
            lease: { client, address, state: 'bound', expires: now + seconds * 1000 },
            subnet: subnet.subnet,
          });
        }
        assert.ok(leases.size <= 10);
      }),
    );
  });

  it('gives a machine the same address when nothing is remembered', () => {
    const subnet = config().subnets[1];
    assert.ok(subnet !== undefined);
    const pick = () =>
      chooseAddress({ client: '52:54:00:00:00:01', now: NOW, taken: new Set() }, subnet, new LeaseTable());
    assert.equal(pick(), pick());
    assert.notEqual(pick(), undefined);
  });
});

describe('the configuration', () => {
  const base = config();
  const first = base.subnets[0];
  assert.ok(first !== undefined);
  const wrong: [string, Partial<typeof first>, RegExp][] = [
    [
      'a range outside',
      { ranges: [{ from: ip('10.0.1.5'), to: ip('10.0.1.9') }] },
      /10\.0\.1\.5-10\.0\.1\.9 is not made of host/,
    ],
    ['a range backwards', { ranges: [{ from: ip('10.0.0.9'), to: ip('10.0.0.5') }] }, /ends before it begins/],
    [
      'the broadcast address',
      { reservations: [{ mac: '02:00:00:00:00:01', address: ip('10.0.0.255') }] },
      /not a host address/,
    ],
    ['a lease of a second', { leaseSeconds: 1 }, /too short/],
  ];
  for (const [what, changes, message] of wrong) {
    it(`is refused: ${what}`, () => {
      assert.throws(() => checkConfig({ ...base, subnets: [{ ...first, ...changes }] }), {
        code: 'DHCP_CONFIG',
        message,
      });
    });
  }

  it('is refused: overlapping subnets, an address reserved twice', () => {
    assert.throws(() => checkConfig({ ...base, subnets: [first, first] }), /overlap/);
    const twice = ['02:00:00:00:00:01', '02:00:00:00:00:02'].map((mac) => ({ mac, address: ip('10.0.0.20') }));
    assert.throws(() => checkConfig({ ...base, subnets: [{ ...first, reservations: twice }] }), /reserved twice/);
  });
});
