/** Our BMC server against ipmitool and FreeIPMI; our client against ipmi_sim and the server virtualbmc is built on. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Bmc, BootOverride } from '../../src/bmc/bmc.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { IngotError } from '../../src/core/errors.ts';
import { exec } from '../../src/core/exec.ts';
import { type LogLine, memoryLogger, silentLogger } from '../../src/core/log.ts';
import { type IpmiServer, startIpmiServer } from '../../src/ipmi/server.ts';
import type { IpmiTarget } from '../../src/ipmi/client.ts';
import type { V15Service } from '../../src/ipmi/server-login-v15.ts';
import type { ServerFaults } from '../../src/ipmi/server-faults.ts';
import { FakeChassis } from '../support/fake-chassis.ts';
import { loginOnce } from '../support/ipmi-login.ts';
import { type Peer, type SimPeer, ipmitool, startIpmiSim, startPyghmi } from '../support/ipmi-peers.ts';

const doors = { clock: systemClock, random: Math.random, log: silentLogger };
const PXE: BootOverride = { device: 'pxe', persistence: 'once', firmware: 'uefi' };

const startOurs = (
  chassis: FakeChassis,
  faults: ServerFaults = {},
  suites?: readonly number[],
  kg?: Uint8Array,
  v15?: V15Service,
): Promise<IpmiServer> =>
  startIpmiServer({
    address: '127.0.0.1',
    port: 0,
    users: [
      { name: 'admin', password: 'secret', privilege: 'administrator' },
      { name: 'oper', password: 'operpass', privilege: 'operator' },
    ],
    guid: Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
    chassis,
    deviceId: { deviceId: 0x20, manufacturerId: 674, productId: 256, firmwareVersion: '2.48' },
    faults,
    ...(suites === undefined ? {} : { suites }),
    ...(kg === undefined ? {} : { kg }),
    ...(v15 === undefined ? {} : { v15 }),
    ...doors,
  });

interface Opened {
  bmc: Bmc;
  lines: LogLine[];
}

function open(port: number, username = 'admin', password = 'secret'): Opened {
  const lines: LogLine[] = [];
  const bmc = openBmc({
    address: `ipmi://127.0.0.1:${port}`,
    credentials: { username, password },
    disableCertificateVerification: false,
    doors: { ...doors, log: memoryLogger(lines) },
  });
  return { bmc, lines };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    assert.ok(error instanceof IngotError, String(error));
    return error.code;
  }
}

const within = (ms: number) => AbortSignal.timeout(ms);

suite('ipmitool and FreeIPMI against our server', () => {
  const chassis = new FakeChassis();
  let server: IpmiServer;
  before(async () => void (server = await startOurs(chassis)));
  after(() => server.close());

  for (const cipher of [17, 3, undefined]) {
    test(`power and boot device, ${cipher === undefined ? 'suite left to ipmitool' : `suite ${cipher}`}`, async () => {
      const options = cipher === undefined ? {} : { suite: cipher };
      const run = async (command: string) => {
        const result = await ipmitool(server.port, command, options);
        assert.equal(result.code, 0, `${command}: ${result.text}`);
        // Asking for the cipher suites without an answer takes ipmitool 10 s.
        assert.ok(result.ms < 5000, `${command} took ${result.ms} ms`);
        return result.text;
      };
      chassis.power = 'off';
      assert.match(await run('power status'), /Power is off/);
      await run('chassis bootdev pxe options=efiboot');
      assert.deepEqual(chassis.flags, { valid: true, persistent: false, efi: true, device: 'pxe' });
      const flags = await run('chassis bootparam get 5');
      assert.match(flags, /Boot Flag Valid[\s\S]*only next boot[\s\S]*EFI boot[\s\S]*Force PXE/);
      await run('chassis bootdev disk options=persistent');
      assert.deepEqual(chassis.flags, { valid: true, persistent: true, efi: false, device: 'disk' });
      await run('power on');
      assert.match(await run('power status'), /Power is on/);
      for (const action of ['cycle', 'reset', 'soft', 'on', 'off']) await run(`power ${action}`);
      assert.equal(chassis.power, 'off');
      const info = await run('mc info');
      assert.match(info, /Manufacturer ID +: 674/);
      assert.match(info, /Firmware Revision +: 2\.48/);
    });
  }

  test('other boot parameters, guid', async () => {
    const get = async (n: number) => (await ipmitool(server.port, `chassis bootparam get ${n}`, { suite: 17 })).text;
    assert.match(await get(0), /Set In Progress : set complete/);
    assert.match(await get(3), /Boot parameter 3 is valid/);
    assert.match(await get(4), /Boot parameter 4 is valid/);
    assert.match(await get(7), /not supported|failed/i);
    const raw = await ipmitool(server.port, 'raw 0 8 3 8', { suite: 17 });
    assert.equal(raw.code, 0, raw.text);
    assert.match((await ipmitool(server.port, 'raw 0 9 3 0 0', { suite: 17 })).text, /01 03 08/);
    assert.match((await ipmitool(server.port, 'raw 6 0x37', { suite: 17 })).text, /00 11 22 33 44/);
  });

  test('no session is left behind', () => {
    assert.equal(server.sessions, 0);
  });

  test('wrong password and unknown user are refused quickly; so are commands above the privilege', async () => {
    for (const login of [{ password: 'wrong' }, { username: 'nobody' }, { username: 'oper', password: 'operpass' }]) {
      const result = await ipmitool(server.port, 'power on', { suite: 17, ...login });
      assert.equal(result.code, 1);
      assert.match(result.text, /Unable to establish/);
      assert.ok(result.ms < 5000, `${result.ms} ms`);
    }
    const asOperator = { suite: 17, username: 'oper', password: 'operpass', privilege: 'OPERATOR' };
    assert.equal((await ipmitool(server.port, 'power on', asOperator)).code, 0);
    const asUser = await ipmitool(server.port, 'power off', { ...asOperator, privilege: 'USER' });
    assert.match(asUser.text, /[Ii]nsufficient privilege/);
    assert.equal(chassis.power, 'on');
  });

  test('FreeIPMI with suites 3 and 17', async () => {
    for (const cipher of ['3', '17']) {
      const login = ['-D', 'LAN_2_0', '-h', `127.0.0.1:${server.port}`, '-u', 'admin', '-p', 'secret', '-I', cipher];
      const run = (tool: string, ...args: string[]) => exec(tool, [...login, ...args], { signal: within(30_000) });
      await run('ipmi-power', '--on', '--wait-until-on');
      assert.equal(chassis.power, 'on');
      assert.match((await run('ipmi-power', '--stat')).stdout, /: on/);
      await run('ipmi-power', '--off', '--wait-until-off');
      assert.match((await run('bmc-info')).stdout, /Manufacturer ID +: Dell/);
    }
  });
});

const ALL_SUITES = [1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17];
const V15_AUTHS = ['none', 'md2', 'md5', 'password'] as const;

suite('other people’s clients with every suite and with IPMI 1.5 against our server', () => {
  let server: IpmiServer;
  before(async () => {
    const v15 = { types: V15_AUTHS, perMessageAuth: true, only: false };
    server = await startOurs(new FakeChassis(), {}, ALL_SUITES, undefined, v15);
  });
  after(() => server.close());

  const freeipmi = async (...args: string[]) => {
    const login = ['-h', `127.0.0.1:${server.port}`, '-u', 'admin', '-p', 'secret'];
    const { stdout } = await exec('ipmi-power', [...login, ...args, '--stat'], { signal: within(30_000) });
    return stdout;
  };

  test('ipmi 1: ipmitool, all suites but 11 and 12, which it cannot compute', async () => {
    for (const cipher of ALL_SUITES.filter((s) => s !== 11 && s !== 12)) {
      const result = await ipmitool(server.port, 'power status', { suite: cipher });
      assert.match(result.text, /Power is off/, `suite ${cipher}`);
    }
    const zero = await ipmitool(server.port, 'power status', { suite: 0 });
    assert.equal(zero.code, 1, 'suite 0, which needs no password, is refused');
  });

  test('ipmi 1: FreeIPMI, all suites', async () => {
    for (const cipher of ALL_SUITES) {
      assert.match(await freeipmi('-D', 'LAN_2_0', '-I', String(cipher)), /: off/, `suite ${cipher}`);
    }
  });

  test('ipmi 1: IPMI 1.5 with ipmitool (MD5, password, none) and FreeIPMI (MD5, MD2, none)', async () => {
    // Debian's ipmitool is built without MD2; FreeIPMI does not believe any answer that is signed by the password.
    for (const auth of ['MD5', 'PASSWORD', 'NONE'] as const) {
      const result = await ipmitool(server.port, 'power status', { interface: 'lan', auth });
      assert.match(result.text, /Power is off/, auth);
    }
    for (const auth of ['MD5', 'MD2', 'NONE']) assert.match(await freeipmi('-D', 'LAN', '-a', auth), /: off/, auth);
    const wrong = await ipmitool(server.port, 'power status', { interface: 'lan', auth: 'MD5', password: 'wrong' });
    assert.equal(wrong.code, 1);
  });

  test('ipmi 1: ipmitool by OEM authentication, in Supermicro’s and in Quanta’s way', async () => {
    for (const oemAuth of ['supermicro', 'quanta'] as const) {
      const v15 = { types: ['oem'] as const, perMessageAuth: true, only: true };
      const board = await startOurs(new FakeChassis(), { quirks: { oemAuth } }, undefined, undefined, v15);
      try {
        // Sent once and waited for briefly: a wrong code is met by silence.
        const ask = (oem: string, password = 'secret') =>
          ipmitool(board.port, '-R 1 -N 1 power status', { interface: 'lan', oem, password });
        assert.match((await ask(oemAuth)).text, /Power is off/, oemAuth);
        assert.equal((await ask(oemAuth, 'wrong')).code, 1);
        assert.equal((await ask(oemAuth === 'quanta' ? 'supermicro' : 'quanta')).code, 1);
        assert.equal(board.sessions <= 2, true);
      } finally {
        await board.close();
      }
    }
  });

  test('pyghmi’s client, which python programs and virtualbmc’s users have', async () => {
    const script = path.join(import.meta.dirname, '../support/pyghmi-client.py');
    const { stdout } = await exec('/usr/bin/python3', [script, String(server.port)], { signal: within(60_000) });
    assert.match(stdout, /^off on off network\n$/);
  });

  test('no session is left behind', async () => {
    // pyghmi ends its session when its process does.
    assert.ok(server.sessions <= 1, `${server.sessions} sessions`);
  });
});

test('two-key logins: ipmitool with the key of the BMC, without it and with another one', async () => {
  const kg = 'twenty-bytes-of-key!';
  const server = await startOurs(new FakeChassis(), {}, undefined, Buffer.from(kg));
  try {
    for (const cipher of [3, 17]) {
      assert.equal((await ipmitool(server.port, 'power status', { suite: cipher, kg })).code, 0);
      const kgHex = Buffer.from(kg).toString('hex');
      assert.equal((await ipmitool(server.port, 'power status', { suite: cipher, kgHex })).code, 0);
      assert.equal((await ipmitool(server.port, 'power status', { suite: cipher })).code, 1);
      assert.equal((await ipmitool(server.port, 'power status', { suite: cipher, kg: 'another-key' })).code, 1);
    }
  } finally {
    await server.close();
  }
});

test('a slow machine: ipmitool sends again, the command runs once', async () => {
  const chassis = new FakeChassis({ delayMs: 2500 });
  const server = await startOurs(chassis);
  try {
    const result = await ipmitool(server.port, 'power on', { suite: 17 });
    assert.equal(result.code, 0, result.text);
    assert.deepEqual(chassis.controls, ['power-up']);
  } finally {
    await server.close();
  }
});

suite('our client against OpenIPMI’s ipmi_sim', () => {
  let peer: SimPeer;
  before(async () => void (peer = await startIpmiSim()));
  after(() => peer.close());

  test('suite 17 is refused with status 04, suite 3 is taken; boot, power and all read back', async () => {
    const { bmc, lines } = open(peer.port);
    try {
      const info = await bmc.verify(within(40_000));
      assert.equal(info.cipherSuite, 3);
      assert.equal(info.manufacturer, 'OpenIPMI');
      const retry = lines.find((l) => l.message === 'IPMI login tried again');
      assert.deepEqual(retry?.fields['after'], { kind: 'refused', step: 'open', status: 4 });
      assert.equal(await bmc.powerState(within(30_000)), 'off');
      await bmc.setBootOverride(PXE, within(30_000));
      await bmc.setPower('on', within(60_000));
      assert.equal(await bmc.powerState(within(30_000)), 'on');
      await bmc.setPower('cycle', within(60_000));
      await bmc.setPower('off', within(60_000));
      assert.equal(await bmc.powerState(within(30_000)), 'off');
      const sets = (await peer.calls()).filter((c) => c.startsWith('set'));
      assert.deepEqual(sets, ['set boot pxe', 'set power 1', 'set power 0', 'set power 1', 'set power 0']);
    } finally {
      await bmc.close();
    }
  });

  const login = (target: Partial<IpmiTarget>) => loginOnce(peer.port, target);

  test('ipmi 1: suites 1, 2, 3, and 0 where it is allowed', async () => {
    for (const cipher of [1, 2, 3]) {
      assert.equal(await login({ suites: [cipher] }), `IPMI 2.0, cipher suite ${cipher}`);
    }
    const quirks = { noAuthentication: true };
    assert.equal(await login({ suites: [0], quirks, password: 'any' }), 'IPMI 2.0, cipher suite 0');
  });

  test('ipmi 1: IPMI 1.5, the best type that it offers', async () => {
    assert.equal(await login({ v15: 'always' }), 'IPMI 1.5, authentication md5');
    await assert.rejects(login({ v15: 'always', username: 'nobody' }), { code: 'IPMI_AUTH_FAILED' });
  });

  test('a persistent disk boot, of which ipmi_sim keeps and reads back the device alone', async () => {
    const { bmc, lines } = open(peer.port);
    await bmc.setBootOverride({ device: 'disk', persistence: 'persistent', firmware: 'uefi' }, within(40_000));
    const note = lines.find((l) => l.message === 'boot override accepted as read back');
    assert.equal(note?.fields['why'], 'not read back: valid, persistent, firmware');
    await bmc.close();
  });

  test('wrong password, unknown user', async () => {
    for (const [username, password] of [
      ['admin', 'wrong'],
      ['nobody', 'secret'],
    ] as const) {
      const { bmc } = open(peer.port, username, password);
      assert.equal(await codeOf(bmc.verify(within(40_000))), 'BMC_AUTH_FAILED');
      await bmc.close();
    }
  });

  test('sessions are closed: forty opens in a row do not use them up', async () => {
    for (let i = 0; i < 40; i++) {
      const { bmc } = open(peer.port);
      await bmc.powerState(within(30_000));
      await bmc.close();
    }
  });
});

suite('our client against pyghmi’s server, which virtualbmc is built on', () => {
  let peer: Peer;
  before(async () => void (peer = await startPyghmi()));
  after(() => peer.close());

  test('answers suite 3 to suite 17: the client follows; boot and power are verified', async () => {
    const { bmc, lines } = open(peer.port);
    try {
      assert.equal((await bmc.verify(within(40_000))).protocol, 'IPMI 2.0, cipher suite 3');
      const retry = lines.find((l) => l.message === 'IPMI login tried again');
      assert.deepEqual(retry?.fields['after'], { kind: 'other-suite', suite: 3 });
      await bmc.setBootOverride(PXE, within(30_000));
      assert.equal((await bmc.bootOverride(within(30_000))).device, 'pxe');
      for (const action of ['on', 'cycle', 'off'] as const) await bmc.setPower(action, within(60_000));
      assert.equal(await bmc.powerState(within(30_000)), 'off');
    } finally {
      await bmc.close();
    }
  });

  test('unknown user: silence after RAKP 1 is told as such', async () => {
    const { bmc } = open(peer.port, 'nobody');
    await assert.rejects(
      bmc.verify(within(60_000)),
      (e) => e instanceof IngotError && e.code === 'BMC_AUTH_FAILED' && /silent after RAKP 1/.test(e.message),
    );
    await bmc.close();
  });

  test('wrong password', async () => {
    const { bmc } = open(peer.port, 'admin', 'wrong');
    assert.equal(await codeOf(bmc.verify(within(40_000))), 'BMC_AUTH_FAILED');
    await bmc.close();
  });
});

suite('our client against our server over real sockets', () => {
  for (const [name, faults, expected] of [
    ['no faults', {}, 17],
    ['every fifth datagram lost', { sent: (n: number) => (n % 5 === 4 ? 'drop' : 'pass') } as ServerFaults, 17],
    ['the wrong suite echoed', { echoSuite: 3 }, 3],
  ] as const) {
    test(name, async () => {
      const chassis = new FakeChassis({ lagReads: 2 });
      const server = await startOurs(chassis, faults);
      const { bmc } = open(server.port);
      try {
        assert.equal((await bmc.verify(within(60_000))).cipherSuite, expected);
        await bmc.setBootOverride(PXE, within(60_000));
        await bmc.setPower('on', within(30_000));
        assert.deepEqual([chassis.power, chassis.flags.device, chassis.controls], ['on', 'pxe', ['power-up']]);
      } finally {
        await bmc.close();
        const left = server.sessions;
        await server.close();
        // The login that met the wrong suite cannot be taken back; the BMC forgets it after a few seconds.
        assert.equal(left, expected === 3 ? 1 : 0);
      }
    });
  }

  test('nothing listens: told within seconds, with the reason', async () => {
    const server = await startOurs(new FakeChassis());
    const { port } = server;
    await server.close();
    const { bmc } = open(port);
    const start = performance.now();
    await assert.rejects(bmc.verify(within(60_000)), /connection refused/);
    assert.ok(performance.now() - start < 15_000);
    await bmc.close();
  });
});

test('a BMC at an IPv6 address: our client and ipmitool at our server', async () => {
  const chassis = new FakeChassis();
  const server = await startIpmiServer({
    address: '::1',
    port: 0,
    users: [{ name: 'admin', password: 'secret', privilege: 'administrator' }],
    guid: new Uint8Array(16),
    chassis,
    deviceId: { deviceId: 0x20, manufacturerId: 674, productId: 256 },
    ...doors,
  });
  const bmc = openBmc({
    address: `ipmi://[::1]:${server.port}`,
    credentials: { username: 'admin', password: 'secret' },
    disableCertificateVerification: false,
    doors,
  });
  try {
    assert.equal((await bmc.verify(within(30_000))).cipherSuite, 17);
    await bmc.setBootOverride(PXE, within(30_000));
    await bmc.setPower('on', within(30_000));
    assert.deepEqual([chassis.power, chassis.flags.device], ['on', 'pxe']);
    assert.match((await ipmitool(server.port, 'power status', { host: '::1', suite: 17 })).text, /Power is on/);
  } finally {
    await bmc.close();
    assert.equal(server.sessions, 0);
    await server.close();
  }
});

suite('ingot bmc', () => {
  const chassis = new FakeChassis();
  let server: IpmiServer;
  before(async () => void (server = await startOurs(chassis)));
  after(() => server.close());

  const ingot = async (command: string, environment: Record<string, string> = { INGOT_BMC_PASSWORD: 'secret' }) => {
    const target = `admin@127.0.0.1:${server.port}`;
    const main = path.resolve(import.meta.dirname, '../../src/cli/main.ts');
    const [name = '', ...rest] = command.split(' ');
    const args = [main, 'bmc', name, target, ...rest];
    const options = { env: environment, ok: [0, 1, 2], signal: within(30_000) };
    return await exec(process.execPath, args, options);
  };

  test('status, boot, on, cycle, off', async () => {
    assert.match((await ingot('status')).stdout, /power +off[\s\S]*IPMI 2\.0, cipher suite 17[\s\S]*Dell/);
    assert.match((await ingot('boot pxe --firmware legacy')).stdout, /boot +pxe/);
    assert.deepEqual(chassis.flags, { valid: true, persistent: false, efi: false, device: 'pxe' });
    for (const [command, power] of [
      ['on', 'on'],
      ['cycle', 'on'],
      ['off', 'off'],
    ]) {
      const { stdout } = await ingot(`${command} --json`);
      const { result, action, power: after } = JSON.parse(stdout);
      assert.deepEqual([result, action, after], ['ok', command, power]);
    }
    assert.equal(server.sessions, 0);
  });

  test('failures: a code, a sentence, an exit code, never the password', async () => {
    const wrong = await ingot('status', { INGOT_BMC_PASSWORD: 'hunter2' });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^BMC_AUTH_FAILED: .*wrong password/);
    const json = await ingot('on --json', { INGOT_BMC_PASSWORD: 'hunter2' });
    assert.equal(JSON.parse(json.stdout).error.code, 'BMC_AUTH_FAILED');
    assert.ok(!(wrong.stderr + json.stdout + json.stderr).includes('hunter2'));
    assert.match((await ingot('status', { INGOT_BMC_PASSWORD: '' })).stderr, /BMC_CREDENTIALS_INVALID/);
    assert.equal((await ingot('boot floppy')).code, 2);
  });
});
