/** Our client against go-ipmi's server: a BMC by other people that speaks suite 17, which ipmi_sim and pyghmi do not. */
import assert from 'node:assert/strict';
import { open as openFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { exec } from '../../src/core/exec.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { IpmiTarget } from '../../src/ipmi/client.ts';
import { loginOnce } from '../support/ipmi-login.ts';
import { type GoipmiPeer, openSessions, startGoipmi } from '../support/ipmi-peers.ts';

const SUITES = [1, 2, 3, 15, 16, 17];
const doors = { clock: systemClock, random: Math.random, log: silentLogger };
const within = (ms: number) => AbortSignal.timeout(ms);

suite('our client against go-ipmi’s server', () => {
  let peer: GoipmiPeer;
  before(async () => void (peer = await startGoipmi(SUITES)));
  after(() => peer.close());

  const open = (password = 'secret'): Bmc =>
    openBmc({
      address: `ipmi://127.0.0.1:${peer.port}`,
      credentials: { username: 'admin', password },
      disableCertificateVerification: false,
      doors,
    });

  const login = (target: Partial<IpmiTarget>) => loginOnce(peer.port, target);

  test('ipmi 1: suite 17 at the first try; boot and power, all read back', async () => {
    const bmc = open();
    const info = await bmc.verify(within(40_000));
    assert.deepEqual([info.cipherSuite, info.manufacturer, info.warnings], [17, 'Intel', undefined]);
    for (const boot of [
      { device: 'pxe', persistence: 'once', firmware: 'uefi' },
      { device: 'disk', persistence: 'persistent', firmware: 'uefi' },
      { device: 'cdrom', persistence: 'once', firmware: 'legacy' },
    ] as const) {
      await bmc.setBootOverride(boot, within(30_000));
      assert.deepEqual(await bmc.bootOverride(within(30_000)), boot);
    }
    for (const action of ['on', 'on', 'cycle', 'reset', 'off'] as const) {
      await bmc.setPower(action, within(30_000));
      assert.equal(await bmc.powerState(within(30_000)), action === 'off' ? 'off' : 'on');
    }
    assert.ok((await bmc.frus?.fru(within(30_000)))?.some((f) => f.value === 'reference-bmc'));
    const accounts = await bmc.management?.accounts(within(30_000));
    assert.deepEqual(
      accounts?.map((a) => [a.name, a.role]),
      [
        ['', 'no access'],
        ['admin', 'administrator'],
      ],
    );
    await bmc.close();
  });

  test('ipmi 1: every suite that it has, and IPMI 1.5 by the best type it offers', async () => {
    for (const cipher of SUITES) {
      assert.equal(await login({ suites: [cipher] }), `IPMI 2.0, cipher suite ${cipher}`);
    }
    assert.equal(await login({ v15: 'always' }), 'IPMI 1.5, authentication md5');
  });

  test('wrong password and unknown user', async () => {
    const wrong = open('wrong');
    await assert.rejects(wrong.verify(within(40_000)), { code: 'BMC_AUTH_FAILED' });
    await wrong.close();
    await assert.rejects(login({ username: 'nobody' }), { code: 'IPMI_AUTH_FAILED' });
  });

  test('ipmi 7: its serial port: prints, types, and is given back', async () => {
    const terminal = peer.terminal();
    assert.ok(terminal !== undefined);
    await exec('stty', ['-F', terminal, 'raw', '-echo']);
    const machine = await openFile(terminal, 'r+');
    const bmc = open();
    const stream = await bmc.console?.open(within(30_000));
    assert.ok(stream);
    await machine.write('login: ');
    let seen = '';
    for await (const bytes of stream.output) {
      seen += Buffer.from(bytes).toString('latin1');
      if (seen.endsWith('login: ')) break;
    }
    await stream.write(Buffer.from('root\r'));
    const { buffer, bytesRead } = await machine.read(Buffer.alloc(16), 0, 16);
    assert.equal(buffer.toString('latin1', 0, bytesRead), 'root\r');
    await stream[Symbol.asyncDispose]();
    await bmc.close();
    await machine.close();
  });

  test('ipmi 4: no session is left', async () => {
    assert.equal(await openSessions(peer.port, { suite: 17 }), 1, 'ipmitool’s own');
  });
});
