/**
 * Real `ingot` processes that are ended by a signal, by a failure or by their own time limit, in front of BMCs that tell
 * how many sessions are open: none stays behind, and no console.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { suite, test } from 'node:test';
import { PayloadType } from '../../src/ipmi/numbers.ts';
import { decodeDatagram } from '../../src/ipmi/packet.ts';
import type { IpmiServer } from '../../src/ipmi/server.ts';
import { startConsoleBmc } from '../support/console-bmc.ts';
import { FakeChassis } from '../support/fake-chassis.ts';
import { FakeSerial } from '../support/fake-serial.ts';
import { type UdpConnect, type UdpPeer, nodeUdpConnect } from '../../src/ipmi/udp.ts';
import { type Peer, openSessions, startGoipmi, startIpmiSim, startPyghmi } from '../support/ipmi-peers.ts';
import { loginOnce } from '../support/ipmi-login.ts';
import { Standalone } from '../support/standalone.ts';

const INGOT = path.resolve(import.meta.dirname, '../../hack/ingot');
/** A busy BMC runs Close Session when it is done; left to themselves sessions end after 60 s, after 30 s in ipmi_sim. */
const CLOSED_S = 15;
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

interface Process {
  end(signal: NodeJS.Signals): void;
  ended: Promise<number | null>;
  out(): string;
}

function ingot(port: number, ...args: string[]): Process {
  const [name = '', ...rest] = args;
  const target = `ipmi://admin@127.0.0.1:${port}`;
  const command = name === 'console' ? [name, target, ...rest] : ['bmc', name, target, ...rest];
  const env = { ...process.env, INGOT_BMC_PASSWORD: 'secret' };
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', INGOT, ...command], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (out += data.toString()));
  const ended = new Promise<number | null>((resolve) => void child.once('close', resolve));
  return { end: (signal) => void child.kill(signal), ended, out: () => out };
}

async function until(what: () => boolean | Promise<boolean>, seen: () => string, seconds = 60): Promise<void> {
  for (const end = performance.now() + seconds * 1000; !(await what());) {
    if (performance.now() > end) assert.fail(`not in ${seconds} s: ${seen()}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** Tells when it is asked for the power state, and takes its time. */
class SlowChassis extends FakeChassis {
  asked = 0;

  override async powerState(): Promise<'on' | 'off'> {
    this.asked++;
    await new Promise((done) => setTimeout(done, 1000));
    return await super.powerState();
  }
}

interface Served {
  server: IpmiServer;
  serial: FakeSerial;
  chassis: SlowChassis;
}

async function serve(work: (served: Served) => Promise<void>): Promise<void> {
  const serial = new FakeSerial();
  const chassis = new SlowChassis();
  const server = await startConsoleBmc(serial, chassis);
  try {
    await work({ server, serial, chassis });
  } finally {
    await server.close();
  }
}

suite('ipmi 4: ingot bmc and ingot console against our server', () => {
  for (const signal of SIGNALS) {
    test(`${signal} in the middle of a command`, async () => {
      await serve(async ({ server, chassis }) => {
        const child = ingot(server.port, 'status');
        await until(() => chassis.asked > 0, child.out);
        child.end(signal);
        assert.equal(await child.ended, 1, child.out());
        assert.match(child.out(), /interrupted/);
        await until(
          () => server.sessions === 0,
          () => 'a session is open',
          CLOSED_S,
        );
      });
    });

    test(`${signal} while a console is open: given back, and the session closed`, async () => {
      await serve(async ({ server, serial }) => {
        const child = ingot(server.port, 'console');
        await until(() => serial.listeners === 1, child.out);
        child.end(signal);
        assert.equal(await child.ended, 0, child.out());
        assert.deepEqual([serial.listeners, server.sessions], [0, 0]);
      });
    });
  }

  test('a command that is refused, one with a wrong password, one whose time is over', async () => {
    await serve(async ({ server }) => {
      const refused = ingot(server.port, 'identify', '999');
      assert.equal(await refused.ended, 1, refused.out());
      assert.match(refused.out(), /BMC_UNSUPPORTED/);
      const wrong = ingot(server.port, 'status', '--password-file', '/etc/hostname');
      assert.equal(await wrong.ended, 1, wrong.out());
      assert.match(wrong.out(), /BMC_AUTH_FAILED/);
      assert.equal(server.sessions, 0);
      const late = ingot(server.port, 'status', '--timeout', '0.7');
      assert.equal(await late.ended, 1, late.out());
      assert.match(late.out(), /DEADLINE/);
      await until(
        () => server.sessions === 0,
        () => 'a session is open',
        CLOSED_S,
      );
    });
  });
});

suite('ipmi 4: ended by a signal in front of BMCs that are not ours', () => {
  test('OpenIPMI’s ipmi_sim, in the middle of a command', async () => {
    const peer = await startIpmiSim([], { powerSeconds: 1 });
    try {
      for (const [i, signal] of SIGNALS.entries()) {
        const child = ingot(peer.port, 'status');
        const asked = async () => (await peer.calls()).filter((c) => c === 'get power').length > i;
        await until(asked, child.out);
        child.end(signal);
        assert.equal(await child.ended, 1, child.out());
        await until(
          async () => (await openSessions(peer.port, { suite: 3 })) === 1,
          () => `more than ipmitool’s own session after ${signal}`,
          CLOSED_S,
        );
      }
    } finally {
      await peer.close();
    }
  });

  test('go-ipmi’s server, with a console open', async () => {
    const peer = await startGoipmi();
    try {
      for (const signal of SIGNALS) {
        const child = ingot(peer.port, 'console');
        await until(() => child.out().includes('output only'), child.out);
        child.end(signal);
        assert.equal(await child.ended, 0, child.out());
        assert.equal(await openSessions(peer.port, { suite: 17 }), 1, `ipmitool’s own, after ${signal}`);
      }
      const ends = peer.commands().filter((c) => c === 'Deactivate Payload' || c === 'Close Session');
      assert.equal(ends.filter((c) => c === 'Deactivate Payload').length, SIGNALS.length, ends.join());
    } finally {
      await peer.close();
    }
  });
});

suite('ipmi 3: a login that loses a packet or is given up leaves every BMC alive and without a session', () => {
  const PEERS: readonly [name: string, suite: number, start: () => Promise<Peer>][] = [
    ['OpenIPMI’s ipmi_sim', 3, () => startIpmiSim()],
    ['go-ipmi’s server', 17, () => startGoipmi()],
    // It does not tell its sessions, but it is the one that dies of a packet out of turn.
    ['pyghmi’s server, which virtualbmc is built on', 3, () => startPyghmi()],
  ];
  for (const [name, suite, start] of PEERS) {
    test(name, async () => {
      const peer = await start();
      const sessions = () => (name.startsWith('pyghmi') ? Promise.resolve(1) : openSessions(peer.port, { suite }));
      const timing = { timeoutMs: 200, timeoutStepMs: 200 };
      const login = (connect: UdpConnect, signal?: AbortSignal) =>
        loginOnce(peer.port, { suites: [suite] }, { connect, timing, ...(signal === undefined ? {} : { signal }) });
      try {
        for (const type of [PayloadType.rakp3, PayloadType.rakp4, PayloadType.rakp1, PayloadType.rakp2]) {
          // A login that ends before RAKP 3 is left to the BMC, and counts until it forgets it.
          if (type === PayloadType.rakp1) assert.equal(await sessions(), 1, 'ipmitool’s own');
          await login(tapped(type, 'lost once'));
          const stop = new AbortController();
          const given = login(
            tapped(type, () => stop.abort(new Error('given up'))),
            stop.signal,
          );
          await assert.rejects(given, /given up/, `type ${type}`);
          await login(nodeUdpConnect);
        }
      } finally {
        await peer.close();
      }
    });
  }
});

/** A socket that meets one packet of a payload type: it is lost once, or it is heard of. */
function tapped(type: number, what: 'lost once' | (() => void)): UdpConnect {
  let met = 0;
  const passes = (bytes: Uint8Array): boolean => {
    const datagram = decodeDatagram(bytes);
    if (datagram.kind !== 'v2.0' || datagram.payloadType !== type || met++ > 0) return true;
    if (what === 'lost once') return false;
    what();
    return true;
  };
  return async (peer, handlers) => {
    const message = (bytes: Uint8Array, from: UdpPeer) => {
      if (passes(bytes)) handlers.message(bytes, from);
    };
    const socket = await nodeUdpConnect(peer, { ...handlers, message });
    const send = (bytes: Uint8Array) => {
      if (passes(bytes)) socket.send(bytes);
    };
    return { port: socket.port, send, close: () => socket.close() };
  };
}

suite('ipmi 4: ingot up', () => {
  for (const signal of SIGNALS) {
    test(`${signal}: the sessions of all hosts are closed`, { timeout: 180_000 }, async () => {
      const bed = await Standalone.start();
      try {
        const hosts = [await bed.enrol('one'), await bed.enrol('two')];
        await until(
          () => hosts.every(({ bmc }) => bmc.sessions === 1),
          () => bed.log.slice(-2000),
        );
        await bed.end(signal);
        assert.deepEqual(
          hosts.map(({ bmc }) => bmc.sessions),
          [0, 0],
        );
      } finally {
        await bed.close();
      }
    });
  }
});
