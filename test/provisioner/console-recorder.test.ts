import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { IpmiBmc } from '../../src/bmc/ipmi-bmc.ts';
import { silentLogger } from '../../src/core/log.ts';
import { ConsoleRecorder, type ConsoleStore } from '../../src/provisioner/console-recorder.ts';
import { ConsoleTape } from '../../src/provisioner/console-tape.ts';
import { consoleText } from '../../src/provisioner/console-text.ts';
import { ConsoleLogs, OLDER_CONSOLES } from '../../src/server/console-logs.ts';
import { RECORD_CONSOLE_ANNOTATION } from '../../src/api/annotations.ts';
import { BARE_METAL_HOST } from '../../src/api/resources.ts';
import { Engine, World } from '../support/engine.ts';
import { FakeSerial } from '../support/fake-serial.ts';
import { runClock } from '../support/run-clock.ts';
import { BMC_PORT, virtualBmc } from '../support/virtual-bmc.ts';

const KEY = { namespace: 'lab', name: 'node-0' };
const TOKEN = 'eyJhbGciOi.SECRET-one-time-token-of-this-boot.AAAA';

test('tokens and signatures never stay in a console’s text, even broken at the edge of the screen', () => {
  const line = `Kernel command line: quiet ingot.server=https://10.0.0.1:8443 ingot.token=${TOKEN} console=ttyS0`;
  const wrapped = (line.match(/.{1,80}/g) ?? []).join('\r\n');
  const url = `http://10.0.0.1:8080/boot/script.ipxe?mac=52:54:00:00:00:01&exp=1790000000&sig=SECRETsignature0123456789`;
  for (const width of [80, 100]) {
    const screen = (url.match(new RegExp(`.{1,${width}}`, 'g')) ?? []).join('\r\n');
    const text = consoleText(`\u001b[2J${wrapped}\r\n${screen}... ok\r\n`, false);
    assert.doesNotMatch(text, /SECRET|one-time|signature0/);
    assert.match(text, /Kernel command line: quiet/);
  }
  // The start was cut off in the middle of the token.
  const cut = consoleText(`${TOKEN.slice(15)} console=ttyS0\r\nb\r\nc\r\nd\r\nshown\r\n`, true);
  assert.equal(cut, 'shown\n');
});

async function withLogs(limit: number | undefined, work: (logs: ConsoleLogs) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'ingot-consoles-'));
  try {
    await work(new ConsoleLogs(dir, limit));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

test('of each boot the end is kept, and some boots before', async () => {
  await withLogs(40, async (logs) => {
    assert.equal(await logs.read(KEY), '');
    await logs.begin(KEY);
    await logs.write(KEY, 'first boot, first line\nsecond line\nthe last line of it\n');
    assert.equal(await logs.read(KEY), 'second line\nthe last line of it\n');
    for (const boot of ['second', 'third', 'fourth', 'fifth']) {
      await logs.begin(KEY);
      await logs.write(KEY, `${boot} boot\n`);
    }
    const kept = await Promise.all([...Array(OLDER_CONSOLES + 2).keys()].map((ago) => logs.read(KEY, ago)));
    assert.deepEqual(kept, ['fifth boot\n', 'fourth boot\n', 'third boot\n', 'second boot\n', '']);
  });
});

test('a console reads as on a screen: what was written over is gone, a cleared screen begins a line', () => {
  const countdown = `Press Ctrl-B...${'\b \b'.repeat(15)}net0: open\r\n`;
  assert.equal(consoleText(countdown, false), 'net0: open\n');
  assert.equal(consoleText('ramdisk... 89%\b\b\b\b    \b\b\b\b ok\r\n', false), 'ramdisk... ok\n');
  assert.equal(
    consoleText('Booting\u001bc\u001b[?7l\u001b[2Jkernel up\r\n\r\n\r\n\r\nlogin:', false),
    'Booting\n\nkernel up\n\nlogin:',
  );
});

test('nothing that a terminal obeys stays in a recording', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, gap) => {
      const tape = new ConsoleTape(4000);
      tape.print(bytes);
      tape.note(0, 'between', gap);
      tape.print(Buffer.from(`\u009b2J\u001b]0;title\u0007${Buffer.from(bytes).toString('latin1')}`));
      // oxlint-disable-next-line no-control-regex -- they are what is looked for
      assert.doesNotMatch(tape.text(), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    }),
  );
});

test('whatever comes between, a secret that a gap cuts in two leaves nothing behind', () => {
  const line = `Filename: http://10.0.0.1:8080/boot/s.ipxe?expires=1&sig=SECRETsignature0123456789 ingot.token=${TOKEN} quiet`;
  fc.assert(
    fc.property(fc.nat(line.length), fc.nat(30), fc.constantFrom(0, 80, 100), (at, missing, width) => {
      const screen = width === 0 ? line : (line.match(new RegExp(`.{1,${width}}`, 'g')) ?? []).join('\r\n');
      const tape = new ConsoleTape(4000);
      tape.note(0, 'begins', false);
      tape.print(Buffer.from(`first\r\n${screen.slice(0, at)}`));
      tape.note(0, 'console lost');
      tape.print(Buffer.from(`${screen.slice(at + missing)}\r\nmore\r\nlast line\r\n`));
      const text = tape.text();
      for (const secret of ['SECRETsignature0123456789', TOKEN]) {
        for (let i = 0; i + 6 <= secret.length; i++) assert.ok(!text.includes(secret.slice(i, i + 6)), text);
      }
      assert.match(
        text,
        /^\[ingot 1970-01-01T00:00:00Z: begins\]\nfirst\n[^]*\[ingot 1970-01-01T00:00:00Z: console lost\]\n[^]*last line\n$/,
      );
    }),
  );
});

test('a machine that starts again by itself begins a new boot, where its firmware cleared the screen', () => {
  const tape = new ConsoleTape(4000);
  const boot = (n: number) => Buffer.from(`\u001b[2J\u001b[01;01H\u001b[=3h\u001b[2JFirmware ${n}\r\niPXE ${n}\r\n`);
  tape.note(0, 'boot 1', false);
  tape.print(boot(1));
  assert.equal(tape.script(1000), undefined);
  tape.print(Buffer.from('\u001bcLinux version 6.1.0 (debian-kernel)\r\nKernel panic\r\n'));
  tape.print(boot(2));
  const before = tape.script(60_000);
  assert.equal(
    before?.text(),
    '[ingot 1970-01-01T00:00:00Z: boot 1]\n\nFirmware 1\niPXE 1\n\nLinux version 6.1.0 (debian-kernel)\nKernel panic\n',
  );
  assert.equal(
    tape.text(),
    '[ingot 1970-01-01T00:01:00Z: the machine has started again by itself]\n\nFirmware 2\niPXE 2\n',
  );
  // Firmware that clears nothing: what it printed stays with the boot before, nothing is lost.
  tape.print(Buffer.from('Linux\r\nFirmware 3\r\n'));
  assert.match(tape.script(90_000)?.text() ?? '', /iPXE 2\nLinux\nFirmware 3\n$/);
  tape.print(Buffer.from('Linux 3\r\n'));
  assert.match(tape.text(), /by itself\]\nLinux 3\n$/);
});

/** The console text of boots, newest first, in memory. */
class MemoryStore implements ConsoleStore {
  readonly boots: string[] = [];

  begin = () => Promise.resolve(void this.boots.unshift(''));
  write = (_key: unknown, text: string) => Promise.resolve(void (this.boots[0] = text));
  read = () => Promise.resolve(this.boots[0] ?? '');
}

async function rig(store = new MemoryStore()) {
  const serial = new FakeSerial();
  const virtual = await virtualBmc({ serial });
  const { clock } = virtual;
  const doors = { clock, random: () => 0.5, log: silentLogger, connect: virtual.net.connect };
  const target = { host: '192.0.2.1', port: BMC_PORT, username: 'admin', password: 'secret' };
  const open = () => new IpmiBmc({ address: 'x', target, doors });
  const seen: string[] = [];
  const recorder = (signal = new AbortController().signal) =>
    new ConsoleRecorder({
      store,
      clock,
      log: silentLogger,
      see: (_, { text }) => void seen.push(text),
      characters: 1000,
      longestMs: 600_000,
      signal,
    });
  const end = async (...bmcs: IpmiBmc[]) => {
    for (const bmc of bmcs) await runClock(clock, bmc.close());
    await virtual.server.close();
  };
  return { store, serial, virtual, clock, open, recorder, seen, end };
}

test('a boot is recorded through SOL, also while it prints, and the console is free afterwards', async () => {
  const { store, serial, virtual, clock, open, recorder: make, end } = await rig();
  const [bmc, recorder] = [open(), make()];
  await runClock(clock, recorder.start(KEY, bmc, 7));
  assert.equal(serial.listeners, 1, 'open before the machine is switched on');
  serial.print(`Linux version 6.1\nKernel command line: ingot.token=${TOKEN} quiet\n`);
  await clock.advance(3000);
  assert.match(
    store.boots[0] ?? '',
    /^\[ingot .*: boot 7 into the ramdisk\]\nLinux version 6\.1\nKernel command line: ingot\.token=\[redacted\]/,
  );
  for (let i = 0; i < 3000; i++) serial.print(`line ${i}\n`);
  await clock.advance(60_000);
  recorder.finish(KEY);
  await clock.advance(6000);
  assert.equal(serial.listeners, 0);
  await runClock(clock, recorder.close());
  assert.ok(store.boots[0]?.endsWith('line 2999\n'));
  assert.equal(recorder.recording, 0);
  assert.equal(virtual.server.sessions, 1);
  await end(bmc);
});

test('somebody at the console keeps it; the recording says so, and goes on when they are gone', async () => {
  const { store, serial, clock, open, recorder: make, end } = await rig();
  const [ours, theirs, recorder] = [open(), open(), make()];
  const signal = AbortSignal.timeout(60_000);
  const { value: person } = await runClock(clock, theirs.console.open(signal));
  await runClock(clock, recorder.start(KEY, ours, 1));
  serial.print('for the person alone\n');
  await clock.advance(30_000);
  assert.match(
    store.boots[0] ?? '',
    /\[ingot .*: another session \(user "admin" at [\d.]+\) has the console, waiting for its end\]\n$/,
  );
  await runClock(clock, Promise.resolve(person[Symbol.asyncDispose]()));
  await clock.advance(6000);
  serial.print('more for the recording\n');
  await clock.advance(2000);
  assert.match(store.boots[0] ?? '', /\[ingot .*: console opened\]\n… for the recording\n$/);
  // Now a person takes it, as `ingot console` does.
  const { value: again } = await runClock(clock, theirs.console.open(signal));
  serial.print('for the person alone\n');
  await clock.advance(60_000);
  assert.match(
    store.boots[0] ?? '',
    /: console lost \(the BMC ended it\), connecting again\]\n\[ingot .*: another session \(user "admin" at [\d.]+\) has it now\]\n$/,
  );
  await runClock(clock, Promise.resolve(again[Symbol.asyncDispose]()));
  await clock.advance(6000);
  serial.print('\nnow for the recording again\n');
  await clock.advance(2000);
  assert.match(store.boots[0] ?? '', /console is back\]\n… for the recording again\n$/);
  assert.doesNotMatch(store.boots[0] ?? '', /person/);
  await runClock(clock, recorder.close());
  await end(ours, theirs);
});

test('an engine that was away goes on with the recording of the boot under way, and with no other', async () => {
  const { store, serial, clock, open, recorder: make, end } = await rig();
  const bmc = open();
  const first = make();
  await runClock(clock, first.start(KEY, bmc, 3));
  serial.print('before\n');
  await clock.advance(2000);
  await runClock(clock, first.close());
  const second = make();
  second.keepOn(KEY, bmc, 3);
  await clock.advance(1000);
  serial.print('and after it\n');
  second.keepOn(KEY, bmc, 3);
  await clock.advance(2000);
  assert.equal(store.boots.length, 1);
  assert.match(
    store.boots[0] ?? '',
    /^\[.*: boot 3 .*\]\nbefore\n\[.*: the engine was away, recording goes on\]\n… after it\n$/,
  );
  // The machine has rebooted by itself after its agent had registered: that is another attempt.
  second.keepOn(KEY, bmc, 4);
  await clock.advance(1000);
  serial.print('half a kernel\n');
  await clock.advance(2000);
  assert.equal(store.boots.length, 2);
  assert.match(store.boots[0] ?? '', /^\[.*: boot 4 into the ramdisk, its beginning is missing\]\n… a kernel\n$/);
  await runClock(clock, second.close());
  await end(bmc);
});

test('a second request for the boot script in one boot begins another recording', async () => {
  const { store, serial, clock, open, recorder: make, end } = await rig();
  const [bmc, recorder] = [open(), make()];
  await runClock(clock, recorder.start(KEY, bmc, 1));
  serial.print('\u001b[2JFirmware\n');
  await clock.advance(1000);
  recorder.booted(KEY);
  serial.print('panic\n\u001b[2JFirmware again\n');
  await clock.advance(1000);
  recorder.booted(KEY);
  serial.print('agent\n');
  await clock.advance(2000);
  assert.equal(store.boots.length, 2);
  assert.match(store.boots[1] ?? '', /Firmware\npanic\n$/);
  assert.match(store.boots[0] ?? '', /started again by itself\]\n\nFirmware again\nagent\n$/);
  await runClock(clock, recorder.close());
  await end(bmc);
});

test('a new boot while the last one is still recorded: the console goes over to it', async () => {
  const { store, serial, clock, open, recorder: make, seen, end } = await rig();
  const [bmc, recorder] = [open(), make()];
  await runClock(clock, recorder.start(KEY, bmc, 1));
  await runClock(clock, recorder.start(KEY, bmc, 2));
  serial.print('second\n');
  await clock.advance(2000);
  assert.match(store.boots[0] ?? '', /boot 2 into the ramdisk\]\nsecond\n$/);
  assert.deepEqual([serial.listeners, recorder.recording, seen], [1, 1, []]);
  await runClock(clock, recorder.close());
  await end(bmc);
});

test('a BMC without a console costs a line in the timeline, not the boot', async () => {
  const { store, recorder: make, seen, end } = await rig();
  const recorder = make();
  await recorder.start(KEY, {} as Bmc, 1);
  recorder.keepOn(KEY, {} as Bmc, 1);
  assert.deepEqual(seen, ['its console is not recorded: the BMC offers none']);
  assert.deepEqual([recorder.recording, store.boots], [0, []]);
  await end();
});

for (const [how, all, annotated, recorded] of [
  ['by the engine', true, false, true],
  ['by annotation', false, true, true],
  ['not at all', false, false, false],
] as const) {
  test(`boots into the ramdisk are recorded ${how}: from before power on until the agent is there`, async () => {
    const world = new World();
    const seen: string[] = [];
    world.recordAll = all;
    world.recorder = {
      start: async () => void seen.push(`start, power ${await world.machine.powerState()}`),
      keepOn: () => void seen.push('keep on'),
      finish: () => void seen.push('finish'),
    };
    const engine = await Engine.start(world);
    try {
      const host = await world.addHost();
      if (annotated) {
        const metadata = { ...host.metadata, annotations: { [RECORD_CONSOLE_ANNOTATION]: 'true' } };
        await world.store.patch(BARE_METAL_HOST, KEY, { metadata });
      }
      await engine.until((p, c) => p.inspect(c, { restart: false, force: false }));
      assert.equal(seen.includes('start, power off'), recorded, seen.join());
      assert.ok(seen.includes('finish'));
      assert.ok(seen.indexOf('start, power off') < seen.indexOf('finish'));
    } finally {
      await engine.kill();
      await world.end();
    }
  });
}
