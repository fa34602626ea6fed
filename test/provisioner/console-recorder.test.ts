import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { IpmiBmc } from '../../src/bmc/ipmi-bmc.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { type LogLine, memoryLogger, silentLogger } from '../../src/core/log.ts';
import { ConsoleRecorder } from '../../src/provisioner/console-recorder.ts';
import { consoleText } from '../../src/provisioner/console-text.ts';
import { ConsoleLogs } from '../../src/server/console-logs.ts';
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

test('of each boot the end is kept, and the boot before', async () => {
  await withLogs(40, async (logs) => {
    assert.equal(await logs.read(KEY), '');
    await logs.begin(KEY);
    await logs.write(KEY, 'first boot, first line\nsecond line\nthe last line of it\n');
    assert.equal(await logs.read(KEY), 'second line\nthe last line of it\n');
    await logs.begin(KEY);
    await logs.write(KEY, 'second boot\n');
    assert.equal(await logs.read(KEY), 'second boot\n');
    assert.match(await logs.read(KEY, true), /last line of it/);
  });
});

test('a boot is recorded through SOL, also while it prints, and the console is free afterwards', async () => {
  await withLogs(undefined, async (logs) => {
    const serial = new FakeSerial();
    const virtual = await virtualBmc({ serial });
    const bmc = new IpmiBmc({
      address: 'x',
      target: { host: '192.0.2.1', port: BMC_PORT, username: 'admin', password: 'secret' },
      doors: { clock: virtual.clock, random: () => 0.5, log: silentLogger, connect: virtual.net.connect },
    });
    const stop = new AbortController();
    const recorder = new ConsoleRecorder({
      store: logs,
      clock: virtual.clock,
      log: silentLogger,
      characters: 1000,
      longestMs: 60_000,
      signal: stop.signal,
    });
    await runClock(virtual.clock, recorder.start(KEY, bmc));
    assert.equal(serial.listeners, 1, 'open before the machine is switched on');
    serial.print(`Linux version 6.1\nKernel command line: ingot.token=${TOKEN} quiet\n`);
    await virtual.clock.advance(3000);
    assert.match(
      await settled(() => logs.read(KEY)),
      /Linux version 6\.1\nKernel command line: ingot\.token=\[redacted\]/,
    );
    for (let i = 0; i < 3000; i++) serial.print(`line ${i}\n`);
    await virtual.clock.advance(60_000);
    recorder.finish(KEY);
    await virtual.clock.advance(6000);
    assert.equal(serial.listeners, 0);
    await runClock(virtual.clock, recorder.close());
    assert.ok((await logs.read(KEY)).endsWith('line 2999\n'));
    assert.equal(recorder.recording, 0);
    await runClock(virtual.clock, bmc.close());
    await virtual.server.close();
  });
});

/** File writes are real: they end a little after the fake clock has moved. */
async function settled(read: () => Promise<string>): Promise<string> {
  for (let i = 0; i < 200; i++) {
    const text = await read();
    if (text !== '') return text;
    await new Promise((done) => setTimeout(done, 10));
  }
  return '';
}

test('a BMC without a console costs a line in the log, not the boot', async () => {
  const lines: LogLine[] = [];
  const doors = { clock: new FakeClock(), log: memoryLogger(lines), characters: 10, longestMs: 10 };
  const store = { begin: () => Promise.resolve(), write: () => Promise.resolve() };
  const recorder = new ConsoleRecorder({ ...doors, store, signal: new AbortController().signal });
  await recorder.start(KEY, {} as Bmc);
  assert.match(lines[0]?.message ?? '', /not recorded/);
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
