/**
 * Hosts whose BMC or credentials cannot be used: what an operator reads, that retries keep their distance, and that
 * correcting the cause is all it takes.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { after, before, suite, test } from 'node:test';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import { PASSWORD as REDFISH_PASSWORD, RedfishServer, SessionBook } from '../support/redfish-server.ts';
import { selfSignedPair } from '../support/self-signed.ts';
import { startSimBmc } from '../support/sim-bmc.ts';
import { type HostOptions, PASSWORD, type SimHost, Standalone } from '../support/standalone.ts';

interface Ports {
  silentPort: number;
  deadPort: number;
  /** Redfish services: one with two systems, and one with a certificate that nobody signed. */
  redfish: number;
  selfSigned: number;
}

interface Fault {
  name: string;
  options: (ports: Ports) => HostOptions;
  expected: RegExp;
  /** What `ingot explain` says that the message does not. */
  explained: RegExp;
  cure: (host: SimHost) => Promise<void>;
}

const redfishAt = (address: string): HostOptions => ({ spec: { bmc: { address, credentialsName: 'redfish' } } });
const bmcAt = (address: string): HostOptions => ({ spec: { bmc: { address, credentialsName: 'shared' } } });
const RETRIED = /tried again by itself after a pause/;
const ON_EDIT = /tried again as soon as the host or its Secret is edited/;
/** Long enough to see a retry that does not wait. */
const WATCHED_MS = 8_000;

suite('faults of BMC and credentials', { timeout: 400_000, concurrency: true }, () => {
  let bed: Standalone;
  const silent = createSocket('udp4');
  const ports: Ports = { silentPort: 0, deadPort: 0, redfish: 0, selfSigned: 0 };
  let redfish: RedfishServer;
  let selfSigned: RedfishServer;
  let sessions: SessionBook;

  before(async () => {
    bed = await Standalone.start();
    await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
    ports.silentPort = silent.address().port;
    const unused = createSocket('udp4');
    await new Promise<void>((resolve) => unused.bind(0, '127.0.0.1', resolve));
    ports.deadPort = unused.address().port;
    await new Promise<void>((resolve) => unused.close(() => resolve()));
    await bed.secret('shared', { username: 'admin', password: PASSWORD });
    redfish = await new RedfishServer().listen();
    sessions = new SessionBook(redfish);
    const paths = ['/redfish/v1/Systems/1', '/redfish/v1/Systems/2'];
    redfish.get('/redfish/v1/Systems', { Members: paths.map((path) => ({ '@odata.id': path })) });
    selfSigned = await new RedfishServer(await selfSignedPair()).listen();
    [ports.redfish, ports.selfSigned] = [redfish.port, selfSigned.port];
    await bed.secret('redfish', { username: 'admin', password: REDFISH_PASSWORD });
  });
  after(async () => {
    await bed?.close();
    silent.close();
    // The engine gave back every session that it was given.
    const left = sessions?.tokens.size;
    await Promise.all([redfish, selfSigned].map((server) => server?.[Symbol.asyncDispose]()));
    assert.equal(left, 0);
  });

  const rightAddress = (host: SimHost) =>
    bed.edit(host.name, { bmc: { address: `ipmi://127.0.0.1:${host.bmc.port}`, credentialsName: 'shared' } });
  const rightSecret = (host: SimHost) => bed.secret(`${host.name}-bmc`, { username: 'admin', password: PASSWORD });

  const faults: Fault[] = [
    {
      name: 'wrong-password',
      options: () => ({ secret: { username: 'admin', password: 'not it' } }),
      expected: /^BMC ipmi:\/\/127\.0\.0\.1:\d+: wrong password.*\(BMC_AUTH_FAILED\)$/,
      explained: /Check: check username and password in the Secret/,
      cure: rightSecret,
    },
    {
      name: 'unknown-user',
      options: () => ({ secret: { username: 'nobody', password: PASSWORD } }),
      expected: /^BMC ipmi:\/\/127\.0\.0\.1:\d+: the BMC does not know this user name.*\(BMC_AUTH_FAILED\)$/,
      explained: RETRIED,
      cure: rightSecret,
    },
    {
      name: 'nothing-listens',
      options: ({ deadPort }) => bmcAt(`ipmi://127.0.0.1:${deadPort}`),
      expected: /^BMC ipmi:\/\/127\.0\.0\.1:\d+: no answer.*connection refused.*\(BMC_UNREACHABLE\)$/,
      explained: /Check: check power and network of the BMC/,
      cure: rightAddress,
    },
    {
      name: 'silent-bmc',
      options: ({ silentPort }) => bmcAt(`ipmi://127.0.0.1:${silentPort}`),
      expected: /^BMC ipmi:\/\/127\.0\.0\.1:\d+: no answer.*\(BMC_UNREACHABLE\)$/,
      explained: RETRIED,
      cure: rightAddress,
    },
    {
      name: 'no-such-name',
      options: () => bmcAt('ipmi://bmc-7.invalid'),
      expected: /^BMC ipmi:\/\/bmc-7\.invalid: cannot resolve "bmc-7\.invalid".*\(BMC_UNREACHABLE\)$/,
      explained: RETRIED,
      cure: rightAddress,
    },
    {
      name: 'no-secret',
      options: () => ({ secret: undefined }),
      expected: /^Secret lab\/no-secret-bmc .* does not exist \(spec\.bmc\.credentialsName\) \(HOST_SECRET_MISSING\)$/,
      explained: /goes on by itself when the Secret is there/,
      cure: rightSecret,
    },
    {
      name: 'no-password-key',
      options: () => ({ secret: { username: 'admin', passwd: 'mistyped key' } }),
      expected:
        /^Secret no-password-key-bmc has no password \(spec\.bmc\.credentialsName\) \(HOST_CREDENTIALS_INVALID\)$/,
      explained: /Check: the Secret needs the keys username and password/,
      cure: rightSecret,
    },
    {
      name: 'unknown-scheme',
      options: () => bmcAt('telnet://10.0.0.1'),
      expected: /^spec\.bmc\.address telnet:\/\/10\.0\.0\.1: unknown BMC type "telnet".*\(BMC_SCHEME_UNKNOWN\)$/,
      explained: ON_EDIT,
      cure: rightAddress,
    },
    {
      name: 'redfish-silent',
      options: () => bmcAt('redfish+https://root:pw@127.0.0.1:9/redfish/v1/Systems/1'),
      expected: /^BMC redfish\+https:\/\/127\.0\.0\.1:9\S+: cannot connect: connection refused \(BMC_UNREACHABLE\)$/,
      explained: /Check: check power and network of the BMC/,
      cure: rightAddress,
    },
    {
      name: 'redfish-wrong-password',
      options: ({ redfish }) => bmcAt(`redfish+http://127.0.0.1:${redfish}/redfish/v1/Systems/1`),
      expected: /^BMC redfish\+http:\S+: user name or password refused \(HTTP 401\) \(BMC_AUTH_FAILED\)$/,
      explained: /Check: check username and password in the Secret/,
      cure: rightAddress,
    },
    {
      name: 'redfish-no-such-system',
      options: ({ redfish }) => redfishAt(`redfish+http://127.0.0.1:${redfish}/redfish/v1/Systems/9`),
      expected: /^BMC redfish\+http:\S+: the BMC has no such system; it has \S+\/1, \S+\/2 \(BMC_SYSTEM_NOT_FOUND\)$/,
      explained: /Check: put the path of a system that the BMC has into spec\.bmc\.address/,
      cure: rightAddress,
    },
    {
      name: 'redfish-two-systems',
      options: ({ redfish }) => redfishAt(`redfish+http://127.0.0.1:${redfish}`),
      expected: /^BMC redfish\+http:\S+: the BMC has 2 systems: \S+\/1, \S+\/2 \(BMC_SYSTEM_AMBIGUOUS\)$/,
      explained: /Check: put the path of one of them into spec\.bmc\.address/,
      cure: rightAddress,
    },
    {
      name: 'redfish-self-signed',
      options: ({ selfSigned }) => redfishAt(`redfish://127.0.0.1:${selfSigned}/redfish/v1/Systems/1`),
      expected:
        /^BMC redfish:\S+: the certificate is not trusted: it is self-signed; its fingerprint is sha256:[0-9a-f]{64} \(BMC_TLS_UNTRUSTED\)$/,
      explained: /pin it \(annotation ingot\.dev\/bmc-fingerprint\), or trust its CA .*disableCertificateVerification/,
      cure: rightAddress,
    },
    {
      name: 'redfish-bad-suffix',
      options: () => bmcAt('redfish+ftp://10.0.0.1'),
      expected: /^spec\.bmc\.address redfish\+ftp:\/\/10\.0\.0\.1: unknown BMC type.*\(BMC_SCHEME_UNKNOWN\)$/,
      explained: ON_EDIT,
      cure: rightAddress,
    },
    {
      name: 'malformed-address',
      options: () => bmcAt('ipmi://10.0.0.1:port'),
      expected: /^spec\.bmc\.address ipmi:\/\/10\.0\.0\.1:port: "port" is not a port \(BMC_ADDRESS_INVALID\)$/,
      explained: ON_EDIT,
      cure: rightAddress,
    },
  ];

  for (const fault of faults) {
    test(fault.name, async () => {
      const host = await bed.enrol(fault.name, { ...fault.options(ports) });
      const broken = await bed.hosts.error(fault.name, 'registration error', 90);
      assert.match(broken.status?.errorMessage ?? '', fault.expected);
      assert.equal(broken.status?.operationalStatus, 'error');
      assert.equal(broken.status?.provisioning.state, 'registering');
      assert.equal(broken.status?.errorCount, 1);
      assert.equal(condition(broken, 'Manageable')?.message, broken.status?.errorMessage);
      const text = await bed.explain(`lab/${fault.name}`);
      assert.match(text, fault.explained);
      assert.match(text, /^Error: registration error(?: \(\d+ times\))?: /m);
      assert.ok(text.includes(`: ${broken.status?.errorMessage}\n`));
      await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
      const later = bed.hosts.latest(fault.name)?.status?.errorCount ?? 0;
      // A missing Secret is looked for every 10 s.
      assert.ok(later <= (fault.name === 'no-secret' ? 3 : 1), `${later} failures in ${WATCHED_MS / 1000} s`);
      assert.deepEqual(host.machine.writes, [], 'nothing was done to the machine');

      await fault.cure(host);
      const well = await bed.hosts.well(fault.name, 'available', 60);
      assert.equal(well.status?.errorMessage, '');
      assert.equal(well.status?.errorType, undefined);
      assert.equal(well.status?.errorCount, 0);
    });
  }

  test('a BMC that is off when the host is enrolled is found by itself when it comes back', async () => {
    const host = await bed.machine('comes-back');
    const [object, { port }] = [bed.objectOf(host), host.bmc];
    await host.bmc.close();
    await bed.secret('comes-back-bmc', { username: 'admin', password: PASSWORD });
    await bed.apply(object);
    await bed.hosts.error('comes-back', 'registration error');
    const bmc = await startSimBmc(host.machine, PASSWORD, port);
    try {
      // Nobody touches the host: one failure makes a pause of one to two minutes.
      const well = await bed.hosts.well('comes-back', 'available', 180);
      assert.equal(well.status?.errorCount, 0);
    } finally {
      await bmc.close();
    }
  });

  test('failures are counted, and an annotation is enough to ask for another try', async () => {
    await bed.enrol('counted', { secret: { username: 'admin', password: 'not it' } });
    for (let failures = 1; failures <= 3; failures++) {
      await bed.hosts.until('counted', (h) => h.status?.errorCount === failures, `${failures} failures`);
      await bed.kubectl('annotate', '--overwrite', 'bmh', 'counted', `example.com/look=${failures}`);
    }
  });

  test('a BMC that dies under a provisioned host is an error of its power; the host stays provisioned and recovers', async () => {
    const host = await bed.enrol('dies-later', { spec: { externallyProvisioned: true } });
    await bed.hosts.well('dies-later', 'externally provisioned');
    const { port } = host.bmc;
    await host.bmc.close();
    await bed.kubectl('annotate', 'bmh', 'dies-later', 'example.com/look=now');
    const broken = await bed.hosts.error('dies-later', 'power management error', 120);
    assert.match(broken.status?.errorMessage ?? '', /^BMC ipmi:\/\/127\.0\.0\.1:\d+: .*\(BMC_UNREACHABLE\)$/);
    assert.equal(broken.status?.provisioning.state, 'externally provisioned');
    const bmc = await startSimBmc(host.machine, PASSWORD, port);
    try {
      await bed.hosts.well('dies-later', 'externally provisioned', 180);
    } finally {
      await bmc.close();
    }
    assert.ok(!host.machine.writes.some((w) => w === 'off' || w === 'cycle' || w === 'reset'));
  });
});

function condition(host: BareMetalHost, type: string) {
  return host.status?.conditions?.find((c) => c.type === type);
}
