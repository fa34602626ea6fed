import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Command } from 'commander';
import { parseConfig } from '../../src/cli/config-file.ts';
import { type EngineOptions, addEngineOptions, engineConfig } from '../../src/cli/engine-options.ts';
import { withConfigFile } from '../../src/cli/settings.ts';
import { errorCode } from '../../src/core/errors.ts';
import { checkConfig, DHCP_DEFAULTS } from '../../src/dhcp/config.ts';
import { planSubnets } from '../../src/dhcp/plan.ts';
import type { EngineConfig } from '../../src/engine.ts';
import { formatIpv4, parseIpv4 } from '../../src/wire/ipv4.ts';

const EXAMPLE = new URL('../../hack/examples/ingot.yaml', import.meta.url).pathname;
const ENO2 = { name: 'eno2', address: parseIpv4('10.0.0.2'), prefix: 24 };
const ENO3 = { name: 'eno3', address: parseIpv4('10.0.1.2'), prefix: 24 };

/** What a command line becomes, as both commands do it. */
async function settings(...argv: string[]): Promise<EngineConfig> {
  let config: EngineConfig | undefined;
  const command = addEngineOptions(new Command('up').option('--data <dir>', '', '/var/lib/x'))
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .action(async (flags: EngineOptions, self: Command) => {
      config = engineConfig(await withConfigFile(flags, self));
    });
  await command.parseAsync(argv, { from: 'user' });
  assert.ok(config);
  return config;
}

function complaint(text: string): string {
  try {
    parseConfig(text, 'ingot.yaml');
  } catch (error) {
    assert.equal(errorCode(error), 'SERVER_CONFIG');
    return error instanceof Error ? error.message : '';
  }
  return assert.fail('was taken');
}

describe('cli: configuration file', () => {
  let dir = '';
  const file = async (text: string) => {
    const path = join(dir, 'ingot.yaml');
    await writeFile(path, text);
    return path;
  };
  before(async () => void (dir = await mkdtemp(join(tmpdir(), 'ingot-config-'))));
  after(() => rm(dir, { recursive: true, force: true }));

  it('takes the example, whole', async () => {
    const config = await settings('--config', EXAMPLE);
    assert.deepEqual(config.interfaces, ['eno2', 'eno3']);
    assert.equal(config.bmcCaFile, '/etc/ingot/bmc-ca.pem');
    assert.deepEqual([config.dhcp, config.httpPort, config.tftpPort], ['server', 8080, 69]);
    assert.deepEqual(config.limits, { agentBootMs: 900_000, missedBootMs: 240_000, agentLostMs: 90_000 });
    assert.deepEqual(config.hosts, { provisioningLimit: 20, maxProvisioningRetries: 5, concurrency: 20 });
    const subnets = planSubnets(config.network, [ENO2, ENO3]);
    const checked = checkConfig({ ...DHCP_DEFAULTS, subnets });
    const seen = checked.subnets.map((s) => [
      formatIpv4(s.subnet.network),
      s.ranges.length,
      s.router === undefined ? '' : formatIpv4(s.router),
      s.dns.map(formatIpv4).join(),
      s.domain,
      s.leaseSeconds,
    ]);
    assert.deepEqual(seen, [
      ['10.0.0.0', 1, '10.0.0.1', '10.0.0.1', 'rack.example', 3600],
      ['10.0.1.0', 0, '', '10.0.0.1', 'rack.example', 3600],
      ['10.9.0.0', 2, '10.9.0.1', '10.9.0.2,10.9.0.3', 'far.example', 43_200],
    ]);
    assert.equal(checked.subnets[0]?.byMac.get('52:54:00:12:34:56')?.hostname, 'node-0');
  });

  it('has every setting in the example', () => {
    const text = readFileSync(EXAMPLE, 'utf8');
    for (const key of ['kernelArguments', 'agentLost', 'concurrency', 'logLevel', 'mtu', 'ntp', 'hostname']) {
      assert.match(text, new RegExp(`\\b${key}:`));
    }
  });

  it('lets typed flags win, and defaults lose', async () => {
    const path = await file(
      'data: kept\nports: {http: 9000, agent: 9001}\ndhcp: {mode: proxy, leaseTime: 2h, dns: [10.0.0.7]}\n',
    );
    const flags = ['--http-port', '8000', '--interface', 'eno2', '--range', '10.0.0.5-10.0.0.6'];
    const config = await settings('--config', path, ...flags, '--dns', '10.0.0.8,10.0.0.9');
    assert.deepEqual([config.httpPort, config.agentPort, config.dhcp], [8000, 9001, 'proxy']);
    assert.equal(config.dataDir, join(dir, 'kept'));
    const [subnet] = planSubnets(config.network, [ENO2]);
    assert.deepEqual([subnet?.leaseSeconds, subnet?.dns.map(formatIpv4)], [7200, ['10.0.0.8', '10.0.0.9']]);
    assert.equal((await settings('--config', path, '--no-dhcp')).dhcp, 'off');
    assert.equal((await settings('--config', await file('dhcp: {mode: off}'), '--proxy-dhcp')).dhcp, 'proxy');
    assert.equal((await settings('--config', await file('# nothing yet\n'))).dhcp, 'server');
  });

  it('puts flags where they belong', async () => {
    const reserve = ['--reserve', '52:54:00:00:00:01=10.0.1.9', '--reserve', '52-54-00-00-00-02=10.0.0.9'];
    const more = ['--router', '10.0.0.1,10.0.1.1', '--lease-time', '15m', '--domain', 'lab'];
    const config = await settings('--range', '10.0.0.20-10.0.0.30', ...reserve, ...more);
    const subnets = planSubnets(config.network, [ENO2, ENO3]);
    const seen = subnets.map((s) => [s.ranges.length, s.reservations[0]?.mac, formatIpv4(s.router ?? 0), s.domain]);
    assert.deepEqual(seen, [
      [1, '52:54:00:00:00:02', '10.0.0.1', 'lab'],
      [0, '52:54:00:00:00:01', '10.0.1.1', 'lab'],
    ]);
    assert.deepEqual(
      subnets.map((s) => s.leaseSeconds),
      [900, 900],
    );
    for (const bad of [
      ['--reserve', '52:54:00:00:00:01'],
      ['--router', '10.0.0'],
      ['--lease-time', '5'],
      ['--range', '10.0.0.9-10.0.0.1'],
    ]) {
      await assert.rejects(settings(...bad), /wanted/, bad.join(' '));
    }
  });

  it('says where a mistake is, and what may have been meant', () => {
    const said: [string, string][] = [
      ['interfaces: [a]\ndhpc: {}\n', 'ingot.yaml:2: dhpc is not a setting; did you mean "dhcp"?'],
      [
        'dhcp:\n  subnets:\n    - subnet: 10.0.0.0/24\n      gateway: 10.0.0.1\n',
        'ingot.yaml:4: dhcp.subnets[0].gateway is not a setting; there are subnet, ranges, router, dns, domain, leaseTime, ntp, mtu, reservations',
      ],
      [
        'dhcp:\n  subnets:\n    - subnet: 10.0.0.0/24\n      router: ten\n',
        'ingot.yaml:4: dhcp.subnets[0].router: an IPv4 address like 10.0.0.1 is wanted',
      ],
      [
        'dhcp:\n  subnets:\n    - subnet: 10.0.0.7/24\n',
        'ingot.yaml:3: dhcp.subnets[0].subnet: 10.0.0.7/24 is an address in the subnet 10.0.0.0/24',
      ],
      ['ports:\n  http: "80"\n', 'ingot.yaml:2: ports.http: Invalid input: expected number, received string'],
      [
        'timeouts:\n  agentLost: soon\n',
        'ingot.yaml:2: timeouts.agentLost: seconds, or a time like 90s, 15m, 12h or 7d is wanted',
      ],
      ['- a\n', 'ingot.yaml:1: Invalid input: expected object, received array'],
    ];
    for (const [text, message] of said) assert.equal(complaint(text), message);
    assert.match(complaint('interfaces: [a\ndata: x\n'), /^ingot\.yaml:\d: /);
    assert.match(complaint('data: x\ndata: y\n'), /^ingot\.yaml:2: .*unique/);
    assert.match(
      complaint('dhcp:\n  subnets:\n    - router: 10.0.0.1\n'),
      /^ingot\.yaml:3: dhcp\.subnets\[0\]\.subnet: /,
    );
    assert.equal(complaint('dat: x\nport: {}\n').split('\n').length, 2, 'all mistakes at once');
  });

  it('names a file that is not there', async () => {
    await assert.rejects(settings('--config', join(dir, 'none.yaml')), /none\.yaml cannot be read/);
  });
});

describe('dhcp: the plan of subnets', () => {
  const wishes = { ranges: [], reservations: [], routers: [], subnets: [], defaults: {}, everywhere: {} };
  const range = (from: string, to: string) => ({ from: parseIpv4(from), to: parseIpv4(to) });
  const subnet = (network: string, prefix: number) => ({ subnet: { network: parseIpv4(network), prefix } });

  it('refuses what lies nowhere', () => {
    const lost = { ...wishes, ranges: [range('10.5.0.1', '10.5.0.2')] };
    assert.throws(() => planSubnets(lost, [ENO2]), /range 10\.5\.0\.1-10\.5\.0\.2 is in none .*10\.0\.0\.0\/24/);
    const reserved = { ...wishes, reservations: [{ mac: '52:54:00:00:00:01', address: parseIpv4('10.5.0.1') }] };
    assert.throws(() => planSubnets(reserved, [ENO2]), /reserved for 52:54:00:00:00:01/);
    const routers = { ...wishes, routers: [parseIpv4('10.0.0.1'), parseIpv4('10.0.0.3')] };
    assert.throws(() => planSubnets(routers, [ENO2]), /two routers/);
  });

  it('refuses a subnet that its interface knows otherwise', () => {
    const wide = { ...wishes, subnets: [subnet('10.0.0.0', 23)] };
    assert.throws(
      () => planSubnets(wide, [ENO2]),
      /10\.0\.0\.0\/23 is not the network of interface eno2, 10\.0\.0\.0\/24/,
    );
  });

  it('replaces ranges and single reservations of a written subnet by those of flags', () => {
    const mac = (n: number) => `52:54:00:00:00:0${n}`;
    const written = {
      ...subnet('10.0.0.0', 24),
      ranges: [range('10.0.0.10', '10.0.0.20')],
      reservations: [1, 2].map((n) => ({ mac: mac(n), address: parseIpv4(`10.0.0.5${n}`) })),
    };
    const [plan] = planSubnets(
      {
        ...wishes,
        subnets: [written],
        ranges: [range('10.0.0.30', '10.0.0.40')],
        reservations: [{ mac: mac(2), address: parseIpv4('10.0.0.99') }],
      },
      [ENO2],
    );
    assert.deepEqual(plan?.ranges, [range('10.0.0.30', '10.0.0.40')]);
    assert.deepEqual(
      plan?.reservations.map((r) => formatIpv4(r.address)),
      ['10.0.0.51', '10.0.0.99'],
    );
  });
});
