/**
 * What people get wrong about a Redfish BMC, by `ingot bmc` and by `ingot up` with kubectl, both as processes: each fault
 * is named. And however a process ends, it leaves no session behind.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { exec } from '../../src/core/exec.ts';
import { dellIdrac9 } from '../../src/sim/redfish/personalities/dell-idrac9.ts';
import { lenovoXcc } from '../../src/sim/redfish/personalities/lenovo-xcc.ts';
import { ROOT, RedfishServer, SessionBook } from '../support/redfish-server.ts';
import { PASSWORD, type TestBmc, USER, startTestBmc } from '../support/redfish-sim.ts';
import { NS, Standalone } from '../support/standalone.ts';

const INGOT = path.resolve(import.meta.dirname, '../../hack/ingot');
const env = { ...process.env, INGOT_BMC_PASSWORD: PASSWORD };

/** `ingot bmc …` to its end. */
async function ingot(args: readonly string[], more: Record<string, string> = {}) {
  const { code, stdout, stderr } = await exec(INGOT, ['bmc', ...args], { ok: [0, 1], env: { ...env, ...more } });
  return { code, stdout, stderr };
}

const address = (bmc: TestBmc['bmc'], rest = '') => `${bmc.url.replace(/^http/, 'redfish+http')}${rest}`;
const sessions = ({ bmc }: TestBmc) => bmc.service.sessions.list().length;

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; !(await condition()); i++) {
    assert.ok(i < 1200, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

suite('ingot bmc, by Redfish', { timeout: 240_000, concurrency: 2 }, () => {
  let plain: TestBmc;
  let secured: TestBmc;
  let several: RedfishServer;
  let dir: string;
  before(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'ingot-redfish-input-'));
    plain = await startTestBmc();
    secured = await startTestBmc({ address: '::1', tls: true });
    several = await twoSystems();
    await writeFile(path.join(dir, 'ca.pem'), secured.bmc.service.certificatePem ?? '');
  });
  after(async () => {
    await plain?.[Symbol.asyncDispose]();
    await secured?.[Symbol.asyncDispose]();
    await several?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const typed: [string, RegExp][] = [
    ['redfish://', /^BMC_ADDRESS_INVALID: .*the host is missing/],
    ['redfish+http//127.0.0.1', /^BMC_ADDRESS_INVALID: .*"redfish\+http" is neither an address nor a host name/],
    ['redfish://127.0.0.1:99999', /^BMC_ADDRESS_INVALID: .*"99999" is not a port/],
    ['redfish://fd00::1', /^BMC_ADDRESS_INVALID: .*an IPv6 address needs brackets/],
    ['redfish://[::1', /^BMC_ADDRESS_INVALID: .*is not host\[:port\]/],
    ['redfish+ftp://127.0.0.1', /^BMC_SCHEME_UNKNOWN: .*unknown BMC type "redfish\+ftp"; known are ipmi, .*redfish/],
    ['https://127.0.0.1/redfish/v1', /^BMC_SCHEME_UNKNOWN: .*unknown BMC type "https"/],
    ['idrac://127.0.0.1', /^BMC_SCHEME_REMOVED: .*idrac \(WSMAN\) no longer exists/],
    ['redfish+http://admin:secret@127.0.0.1', /^BMC_CREDENTIALS_INVALID: a password does not belong in the address/],
  ];
  test('addresses that cannot be are refused by what is wrong with them, without a word to anybody', async () => {
    for (const [text, expected] of typed) {
      const { code, stdout, stderr } = await ingot(['status', text, '--username', USER]);
      assert.equal(code, 1, text);
      assert.match(stderr, expected);
      assert.equal(stdout, '');
      assert.ok(!stderr.includes('secret'), 'nor is the password repeated');
    }
  });

  test('a wrong password, a system that is not there, one that is none, two and no path, nobody at home', async () => {
    const user = ['--username', USER];
    const wrong = await ingot(['status', address(plain.bmc), ...user], { INGOT_BMC_PASSWORD: 'letmein' });
    assert.match(wrong.stderr, /^BMC_AUTH_FAILED: .*user name or password refused \(HTTP 401\).*\(check username/);
    assert.ok(!wrong.stderr.includes('letmein'));
    const missing = await ingot(['status', address(plain.bmc, '/redfish/v1/Systems/9'), ...user]);
    assert.match(missing.stderr, /^BMC_SYSTEM_NOT_FOUND: .*has no such system; it has \/redfish\/v1\/Systems\/1/);
    const other = await ingot(['status', address(plain.bmc, '/redfish/v1/Managers/BMC'), ...user]);
    assert.match(other.stderr, /^BMC_SYSTEM_NOT_FOUND: .*is a Manager, not a system/);
    const two = await ingot(['status', `redfish+http://127.0.0.1:${several.port}`, ...user]);
    assert.match(two.stderr, /^BMC_SYSTEM_AMBIGUOUS: .*has 2 systems: \/redfish\/v1\/Systems\/a, .*\/b/);
    const silent = await ingot(['status', 'redfish+http://127.0.0.1:9', ...user]);
    assert.match(silent.stderr, /^BMC_UNREACHABLE: .*connection refused/);
    for (const { code, stdout } of [wrong, missing, other, two, silent]) assert.deepEqual([code, stdout], [1, '']);
    assert.equal(sessions(plain), 0);
  });

  test('TLS over IPv6: a self-signed certificate is refused with the ways out, and each of them works', async () => {
    assert.match(secured.bmc.url, /^https:\/\/\[::1\]:\d+$/);
    const power = (...more: string[]) =>
      ingot(['status', `redfish+https://[::1]:${secured.bmc.port}/redfish/v1/Systems/1`, '--username', USER, ...more]);
    const refused = await power();
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^BMC_TLS_UNTRUSTED: BMC redfish\+https:\/\/\[::1\]:.* it is self-signed; its fing/);
    const [fingerprint = ''] = /sha256:[0-9a-f]{64}/.exec(refused.stderr) ?? [];
    const ca = path.join(dir, 'ca.pem');
    for (const way of [['--fingerprint', fingerprint], ['--ca', ca], ['--insecure']]) {
      const { code, stdout, stderr } = await power(...way);
      assert.equal(code, 0, `${way.join(' ')}: ${stderr}`);
      assert.match(stdout, /power +off/i);
    }
    const other = await power('--fingerprint', `sha256:${'0'.repeat(64)}`, '--insecure');
    assert.match(other.stderr, /^BMC_TLS_UNTRUSTED: .*is not the pinned sha256:0000/);
    const plainly = await ingot(['status', `redfish://127.0.0.1:${plain.bmc.port}`, '--username', USER]);
    assert.match(plainly.stderr, /^BMC_UNREACHABLE: .*speaks no TLS \(if it speaks plain HTTP, write redfish\+http:/);
    assert.equal(sessions(secured), 0);
  });

  test('redfish 1: Ctrl-C, a service manager and a closed terminal end the session too', async () => {
    await using bmc = await startTestBmc({ personality: lenovoXcc });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      // Not so quick that a session comes and goes between two looks.
      bmc.bmc.faults.delayMs = 150;
      const child = spawn(INGOT, ['bmc', 'on', address(bmc.bmc), '--username', USER], { env, stdio: 'ignore' });
      const ended = exitOf(child);
      await until('a session', () => {
        // From then on the BMC is slow, so that the signal comes in the middle of something.
        if (sessions(bmc) === 0) return false;
        bmc.bmc.faults.delayMs = 1500;
        return true;
      });
      child.kill(signal);
      await ended;
      assert.equal(sessions(bmc), 0, `${signal} left a session behind`);
    }
  });
});

suite('hosts of an engine, by Redfish', { timeout: 240_000 }, () => {
  test('each fault is a registration error that names it; a correction cures it; SIGTERM leaves no session', async () => {
    await using dell = await startTestBmc({ personality: dellIdrac9, tls: true });
    await using plain = await startTestBmc();
    await using several = await twoSystems();
    const bed = await Standalone.start();
    try {
      const { certificatePem = '' } = dell.bmc.service;
      const system = '/redfish/v1/Systems/System.Embedded.1';
      const faults: [string, { address: string; secret?: Record<string, string> }, RegExp][] = [
        ['password', { address: address(plain.bmc), secret: { password: 'old' } }, /password refused \(HTTP 401\)/],
        [
          'no-system',
          { address: address(plain.bmc, '/redfish/v1/Systems/9') },
          /has no such system; it has .*Systems\/1/,
        ],
        ['two', { address: `redfish+http://127.0.0.1:${several.port}` }, /has 2 systems: .*Systems\/a, .*Systems\/b/],
        ['untrusted', { address: address(dell.bmc, system) }, /self-signed; its fingerprint is sha256:[0-9a-f]{64}/],
        [
          'wrong-ca',
          { address: address(dell.bmc, system), secret: { 'ca.crt': 'none' } },
          /ca\.crt .*no PEM certificate/,
        ],
        ['scheme', { address: 'redfsh://127.0.0.1' }, /unknown BMC type "redfsh"; known are ipmi/],
        ['port', { address: 'redfish://127.0.0.1:443000' }, /"443000" is not a port/],
        ['dead', { address: 'redfish+http://127.0.0.1:9' }, /connection refused/],
      ];
      for (const [i, [name, { address: bmcAddress, secret }]] of faults.entries()) {
        await bed.secret(`${name}-bmc`, { username: USER, password: PASSWORD, ...secret });
        await bed.apply(host(name, i, bmcAddress));
      }
      for (const [name, , expected] of faults) {
        const { status } = await bed.hosts.error(name, 'registration error');
        assert.match(status?.errorMessage ?? '', expected, name);
        assert.match(status?.errorMessage ?? '', /\((BMC|HOST)_[A-Z_]+\)$/, name);
      }

      // Cured: the right password, the CA in the Secret, no verification at all; and one that is pinned from the start.
      await bed.secret('password-bmc', { username: USER, password: PASSWORD });
      await bed.secret('wrong-ca-bmc', { username: USER, password: PASSWORD, 'ca.crt': certificatePem });
      const trusting = { credentialsName: 'untrusted-bmc', disableCertificateVerification: true };
      await bed.edit('untrusted', { bmc: { address: address(dell.bmc, system), ...trusting } });
      const print = new X509Certificate(certificatePem).fingerprint256;
      const pinned = host('pinned', 9, address(dell.bmc, system), { 'ingot.dev/bmc-fingerprint': `sha256:${print}` });
      await bed.secret('pinned-bmc', { username: USER, password: PASSWORD });
      await bed.apply(pinned);
      for (const name of ['password', 'wrong-ca', 'untrusted', 'pinned']) await bed.hosts.well(name, 'available');
      assert.ok(sessions(plain) > 0 && sessions(dell) > 0, 'sessions are kept while the engine runs');
      assert.ok(sessions(plain) <= 1, 'one for each service and login');
      assert.ok(!bed.log.includes(PASSWORD));
    } finally {
      await bed.close();
    }
    assert.deepEqual([sessions(plain), sessions(dell)], [0, 0], 'SIGTERM ended them');
  });
});

function host(name: string, i: number, bmcAddress: string, annotations: Record<string, string> = {}): object {
  return {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BareMetalHost',
    metadata: { namespace: NS, name, annotations },
    spec: {
      online: false,
      bootMACAddress: `52:54:00:ab:00:0${i}`,
      inspectionMode: 'disabled',
      automatedCleaningMode: 'disabled',
      bmc: { address: bmcAddress, credentialsName: `${name}-bmc` },
    },
  };
}

/** A manager with two systems, as a chassis has. */
async function twoSystems(): Promise<RedfishServer> {
  const server = await new RedfishServer().listen();
  const book = new SessionBook(server, { username: USER, password: PASSWORD });
  assert.equal(book.logins, 0);
  const paths = ['a', 'b'].map((id) => `${ROOT}/Systems/${id}`);
  server.get(`${ROOT}/Systems`, { Members: paths.map((p) => ({ '@odata.id': p })) });
  for (const p of paths) server.get(p, { '@odata.type': '#ComputerSystem.v1_13_0.ComputerSystem', PowerState: 'Off' });
  return server;
}

function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('exit', () => resolve());
    child.once('error', reject);
  });
}
