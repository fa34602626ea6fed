/** Serial over LAN: ipmitool at our server, and both ends of ours in front of a real (virtual) machine. */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { exec } from '../../src/core/exec.ts';
import { silentLogger } from '../../src/core/log.ts';
import { ConsoleRecorder } from '../../src/provisioner/console-recorder.ts';
import { ConsoleLogs, DEFAULT_CONSOLE_BYTES } from '../../src/server/console-logs.ts';
import { plainConsole, readConsole } from '../../src/sim/console-log.ts';
import { machineChassis } from '../../src/sim/machine-chassis.ts';
import { MachineSerial } from '../../src/sim/machine-serial.ts';
import { Machine } from '../../src/sim/machine.ts';
import { consolePath } from '../../src/sim/qemu-args.ts';
import { startConsoleBmc } from '../support/console-bmc.ts';
import { FakeChassis } from '../support/fake-chassis.ts';
import { FakeSerial } from '../support/fake-serial.ts';

interface Tool {
  child: ChildProcessWithoutNullStreams;
  out(): string;
  ended: Promise<number | null>;
}

/** ipmitool with its console, standard input and output piped. */
function solActivate(port: number, suite: number): Tool {
  const args = ['-I', 'lanplus', '-H', '127.0.0.1', '-p', String(port), '-U', 'admin', '-E', '-C', String(suite)];
  const env = { ...process.env, IPMI_PASSWORD: 'secret' };
  const child = spawn('ipmitool', [...args, 'sol', 'activate'], { env, stdio: 'pipe' });
  let out = '';
  child.stdout.on('data', (d: Buffer) => (out += d.toString('latin1')));
  child.stderr.on('data', (d: Buffer) => (out += d.toString('latin1')));
  const ended = new Promise<number | null>((resolve) => void child.once('close', resolve));
  return { child, out: () => out, ended };
}

/** Polls, since the other side is another process. @throws with what was seen when it does not come true in 30 s */
async function until(what: () => boolean, seen: () => string): Promise<void> {
  const end = performance.now() + 30_000;
  while (!what()) {
    if (performance.now() > end) assert.fail(`not in 30 s: ${seen()}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

for (const suite of [17, 3]) {
  test(`ipmitool sol activate at our server, suite ${suite}: prints, types, break, end`, async () => {
    const serial = new FakeSerial();
    const server = await startConsoleBmc(serial, new FakeChassis());
    const tool = solActivate(server.port, suite);
    try {
      // ipmitool keeps its greeting until it has something to print.
      await until(() => serial.listeners === 1, tool.out);
      serial.print('login: ');
      await until(() => tool.out().includes('login: '), tool.out);
      tool.child.stdin.write('root\r');
      await until(
        () => serial.typed === 'root\r',
        () => serial.typed,
      );
      const block = `${'0123456789'.repeat(300)}END`;
      serial.print(block);
      await until(() => tool.out().endsWith('END'), tool.out);
      assert.ok(tool.out().includes(block));
      tool.child.stdin.write('~B');
      await until(() => serial.breaks === 1, tool.out);
      tool.child.stdin.write('\r~.');
      assert.equal(await tool.ended, 0);
      assert.equal(serial.listeners, 0);
      assert.equal(server.sessions, 0);
    } finally {
      tool.child.kill('SIGKILL');
      await server.close();
    }
  });
}

test('a second ipmitool is refused; ours takes the console from it', async () => {
  const serial = new FakeSerial();
  const server = await startConsoleBmc(serial, new FakeChassis());
  const first = solActivate(server.port, 17);
  try {
    await until(() => serial.listeners === 1, first.out);
    const second = solActivate(server.port, 17);
    assert.equal(await second.ended, 1);
    assert.match(second.out(), /SOL payload already active on another session/);
    const access = ['-I', 'lanplus', '-H', '127.0.0.1', '-p', String(server.port), '-U', 'admin', '-E', '-C', '17'];
    const ask = async (...command: string[]) =>
      (await exec('ipmitool', [...access, ...command], { env: { IPMI_PASSWORD: 'secret' } })).stdout;
    const holder = (await ask('raw', '0x06', '0x4b', '1', '1')).trim().split(' ').slice(0, 4);
    const who = await ask('session', 'info', 'id', `0x${holder.toReversed().join('')}`);
    assert.match(who, /user id +: 2\n[^]*privilege level +: ADMINISTRATOR\n[^]*console ip +: 127\.0\.0\.1\n/);
    const bmc = openBmc({
      address: `ipmi://127.0.0.1:${server.port}`,
      credentials: { username: 'admin', password: 'secret' },
      disableCertificateVerification: false,
      doors: { clock: systemClock, random: Math.random, log: silentLogger },
    });
    const notices: string[] = [];
    const stream = await bmc.console?.open(AbortSignal.timeout(30_000), (text) => notices.push(text));
    assert.ok(stream);
    assert.deepEqual(notices, ['another session (user "admin" at 127.0.0.1) had the console; it is taken from there']);
    await stream.write(Buffer.from('ours'));
    assert.equal(serial.typed, 'ours');
    await stream[Symbol.asyncDispose]();
    await bmc.close();
  } finally {
    first.child.kill('SIGKILL');
    await server.close();
  }
});

test('a virtual machine’s firmware speaks over SOL and into its log file, through a restart of the machine; a boot of it is recorded', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'ingot-sol-'));
  const machine = await Machine.open(
    {
      name: 'sol',
      uuid: '00112233-4455-6677-8899-aabbccddeeff',
      firmware: 'bios',
      memoryMiB: 128,
      cpus: 1,
      nics: [{ mac: '52:54:00:00:00:77', model: 'e1000', backend: { kind: 'user' }, plainRom: false }],
      disks: [],
      dir,
    },
    { accelerator: 'tcg', clock: systemClock, log: silentLogger },
  );
  const server = await startConsoleBmc(new MachineSerial(machine, systemClock), machineChassis(machine));
  const bmc = openBmc({
    address: `ipmi://127.0.0.1:${server.port}`,
    credentials: { username: 'admin', password: 'secret' },
    disableCertificateVerification: false,
    doors: { clock: systemClock, random: Math.random, log: silentLogger },
  });
  const signal = AbortSignal.timeout(120_000);
  try {
    const stream = await bmc.console?.open(signal);
    assert.ok(stream);
    let seen = '';
    const reading = (async () => {
      for await (const chunk of stream.output) seen += plainConsole(Buffer.from(chunk).toString('latin1'));
    })();
    const boots = () => seen.split('iPXE initialising').length - 1;
    for (const expected of [1, 2]) {
      await bmc.setPower(expected === 1 ? 'on' : 'cycle', signal);
      await until(
        () => boots() >= expected,
        () => seen,
      );
    }
    await stream.sendBreak();
    await stream[Symbol.asyncDispose]();
    await reading;
    const logs = new ConsoleLogs(path.join(dir, 'consoles'));
    const recorder = new ConsoleRecorder({
      store: logs,
      clock: systemClock,
      log: silentLogger,
      see: () => {},
      characters: DEFAULT_CONSOLE_BYTES,
      longestMs: 60_000,
      signal,
    });
    const key = { namespace: 'lab', name: 'sol' };
    await bmc.setPower('off', signal);
    await recorder.start(key, bmc, 1);
    await bmc.setPower('on', signal);
    let recorded = '';
    await until(
      () => {
        void logs.read(key).then((t) => (recorded = t));
        return recorded.includes('iPXE initialising');
      },
      () => recorded,
    );
    await recorder.close();
    const { text } = await readConsole(consolePath(machine.spec));
    assert.ok(text.split('SeaBIOS (').length > 2, text);
  } finally {
    await bmc.close();
    await server.close();
    await machine.close();
    await rm(dir, { recursive: true, force: true });
  }
});

const INGOT = path.resolve(import.meta.dirname, '../../hack/ingot');

interface Terminal extends Tool {
  type(text: string): void;
}

/** `ingot console` with pipes, or inside a terminal that `script` makes; there `stty` says afterwards how it was left. */
function ingotConsole(port: number, inTerminal: boolean): Terminal {
  const command = `${INGOT} console ipmi://admin@127.0.0.1:${port}`;
  const env = { ...process.env, INGOT_BMC_PASSWORD: 'secret' };
  const child = inTerminal
    ? spawn('script', ['-qec', `${command}; echo code=$?; stty -a`, '/dev/null'], { env, stdio: 'pipe' })
    : spawn(INGOT, ['console', `ipmi://admin@127.0.0.1:${port}`], { env, stdio: 'pipe' });
  let out = '';
  child.stdout.on('data', (d: Buffer) => (out += d.toString('latin1')));
  child.stderr.on('data', (d: Buffer) => (out += d.toString('latin1')));
  const ended = new Promise<number | null>((resolve) => void child.once('close', resolve));
  return { child, out: () => out, ended, type: (text) => void child.stdin.write(text) };
}

test('ingot console in a terminal: prints, types, breaks, detaches, and leaves the terminal as it was', async () => {
  const serial = new FakeSerial();
  const server = await startConsoleBmc(serial, new FakeChassis());
  const terminal = ingotConsole(server.port, true);
  try {
    await until(() => terminal.out().includes('ctrl-]'), terminal.out);
    serial.print('login: ');
    await until(() => terminal.out().includes('login: '), terminal.out);
    // Ctrl-C is the machine's.
    terminal.type('root\r\u0003');
    await until(
      () => serial.typed === 'root\r\u0003',
      () => JSON.stringify(serial.typed),
    );
    terminal.type('\u001db');
    await until(() => serial.breaks === 1, terminal.out);
    terminal.type('\u001d.');
    assert.equal(await terminal.ended, 0, terminal.out());
    assert.match(terminal.out(), /code=0/);
    assert.match(terminal.out(), /[^-]icanon/);
    assert.match(terminal.out(), /[^-]echo /);
    assert.deepEqual([serial.listeners, server.sessions], [0, 0]);
  } finally {
    terminal.child.kill('SIGKILL');
    await server.close();
  }
});

test('ingot console without a terminal: output only, until it is interrupted', async () => {
  const serial = new FakeSerial();
  const server = await startConsoleBmc(serial, new FakeChassis());
  const piped = ingotConsole(server.port, false);
  try {
    await until(() => serial.listeners === 1, piped.out);
    await until(() => piped.out().includes('[the machine is powered off: it prints nothing'), piped.out);
    piped.type('ignored');
    serial.print('kernel panic\n');
    await until(() => piped.out().includes('kernel panic\n'), piped.out);
    piped.child.kill('SIGINT');
    assert.equal(await piped.ended, 0, piped.out());
    assert.equal(serial.typed, '');
    assert.deepEqual([serial.listeners, server.sessions], [0, 0]);
  } finally {
    piped.child.kill('SIGKILL');
    await server.close();
  }
});
