/** Serial over LAN: the rules, two ends with a bad network between them, and a console at our own BMC. Facts §8 row 7. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { ConsoleStream } from '../../src/bmc/capabilities.ts';
import { namedQuirks } from '../../src/bmc/quirks.ts';
import { IngotError } from '../../src/core/errors.ts';
import type { IpmiTarget } from '../../src/ipmi/client.ts';
import { IpmiBmc } from '../../src/bmc/ipmi-bmc.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { memoryLogger } from '../../src/core/log.ts';
import { PayloadCmd } from '../../src/ipmi/commands/payload/numbers.ts';
import { decodeSessionInfoRequest, encodeSessionInfo, getSessionInfo } from '../../src/ipmi/commands/session/info.ts';
import type { IpmiServerOptions } from '../../src/ipmi/server.ts';
import { type SolState, decideSol, solStart } from '../../src/ipmi/sol/decide.ts';
import { SolEnd } from '../../src/ipmi/sol/end.ts';
import { SolFlag, SolStatus, charactersOf, decodeSol, encodeSol } from '../../src/ipmi/sol/packet.ts';
import { ByteReader } from '../../src/wire/reader.ts';
import { FakeSerial } from '../support/fake-serial.ts';
import { seededRandom } from '../support/mutate.ts';
import { runClock } from '../support/run-clock.ts';
import { BMC_PORT, type VirtualBmc, virtualBmc } from '../support/virtual-bmc.ts';

const never = new AbortController().signal;
const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('latin1');
const bytes = (t: string) => new Uint8Array(Buffer.from(t, 'latin1'));
const packet = (over: Partial<ReturnType<typeof decodeSol>>) => ({
  sequence: 0,
  ack: 0,
  accepted: 0,
  flags: 0,
  data: new Uint8Array(0),
  ...over,
});

test('ipmi 7: SOL packets come back as they were', () => {
  const four = fc.nat(15);
  const any = fc.record(
    { sequence: four, ack: four, accepted: fc.nat(255), flags: fc.nat(255), data: fc.uint8Array({ maxLength: 255 }) },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(any, (p) => assert.deepEqual(decodeSol(encodeSol(p)), p)));
});

test('ipmi 7: payload sizes that lie are cut to 200 characters; 0 counts as one', () => {
  assert.deepEqual([204, 0, 4, 5, 0xffff, 0xd000, 100].map(charactersOf), [200, 1, 1, 1, 200, 200, 96]);
});

/** Feeds events to the rules and returns all that came of them. */
function play(start: SolState, ...events: Parameters<typeof decideSol>[1][]) {
  let state = start;
  return events.map((event) => {
    const decision = decideSol(state, event);
    ({ state } = decision);
    return decision;
  });
}
const ofPacket = (over: Partial<ReturnType<typeof decodeSol>>, room = 1000) =>
  ({ kind: 'packet', packet: packet(over), room }) as const;

test('ipmi 7: partial accept: the tail goes again under a new number', () => {
  const [first, second, third] = play(
    solStart('console', 200),
    { kind: 'write', bytes: bytes('hello') },
    ofPacket({ ack: 1, accepted: 2 }),
    ofPacket({ ack: 2, accepted: 3 }),
  );
  assert.deepEqual([first?.send[0]?.sequence, text(first?.send[0]?.data)], [1, 'hello']);
  assert.deepEqual([second?.send[0]?.sequence, text(second?.send[0]?.data)], [2, 'llo']);
  assert.deepEqual([third?.send, third?.wakeMs], [[], undefined]);
});

test('ipmi 7: NACK: the same again after a rest, under a new number, as long as the BMC answers', () => {
  const nack = (ack: number) => ofPacket({ ack, flags: SolStatus.nack });
  const [, refused, again] = play(solStart('console', 200), { kind: 'write', bytes: bytes('x') }, nack(1), {
    kind: 'timeout',
  });
  assert.deepEqual([refused?.send, refused?.wakeMs], [[], 1000]);
  assert.deepEqual([again?.send[0]?.sequence, text(again?.send[0]?.data)], [2, 'x']);
});

test('ipmi 7: silence: sent six times, then the console counts as lost', () => {
  const timeout = { kind: 'timeout' } as const;
  const all = play(
    solStart('console', 200),
    { kind: 'write', bytes: bytes('x') },
    ...Array.from({ length: 6 }, () => timeout),
  );
  assert.equal(all.flatMap((d) => d.send).length, 6);
  assert.equal(all.at(-1)?.ended, 'silent');
});

test('ipmi 7: a copy is acknowledged again and not printed again; a copy with a new tail gives the tail', () => {
  const [one, two, three] = play(
    solStart('console', 200),
    ofPacket({ sequence: 5, data: bytes('ab') }),
    ofPacket({ sequence: 5, data: bytes('ab') }),
    ofPacket({ sequence: 5, data: bytes('abcd') }),
  );
  assert.deepEqual(one?.output.map(text), ['ab']);
  assert.deepEqual(two?.output, []);
  assert.deepEqual([two?.send[0]?.ack, two?.send[0]?.accepted], [5, 2]);
  assert.deepEqual([text(three?.output[0]), three?.send[0]?.accepted], ['cd', 4]);
});

test('ipmi 7: no room: what fits is taken, the rest is refused by NACK', () => {
  const [some] = play(solStart('bmc', 200), ofPacket({ sequence: 1, data: bytes('abcdef') }, 4));
  assert.deepEqual(
    [some?.output.map(text), some?.send[0]?.accepted, some?.send[0]?.flags],
    [['abcd'], 4, SolFlag.nack],
  );
});

test('ipmi 7: status of the BMC: overrun and break are told, "deactivated" ends it', () => {
  const [told] = play(solStart('console', 200), ofPacket({ sequence: 1, flags: SolStatus.overrun | SolStatus.break }));
  assert.deepEqual(told?.notices, ['overrun', 'break']);
  const [over] = play(solStart('console', 200), ofPacket({ flags: SolStatus.deactivated }));
  assert.equal(over?.ended, 'deactivated');
});

test('ipmi 7: hold: acknowledgements carry the CTS pause, the release is sent until it is acknowledged', () => {
  const [hold, acked, printed, release] = play(
    solStart('console', 200),
    { kind: 'hold', on: true },
    ofPacket({ ack: 1 }),
    ofPacket({ sequence: 1, data: bytes('x') }),
    { kind: 'hold', on: false },
  );
  assert.equal(hold?.send[0]?.flags, SolFlag.ctsPause);
  assert.equal(acked?.wakeMs, undefined);
  assert.equal(printed?.send[0]?.flags, SolFlag.ctsPause);
  assert.deepEqual([release?.send[0]?.flags, release?.send[0]?.sequence, release?.wakeMs], [0, 2, 1000]);
});

test('ipmi 7: two ends and a network that loses and repeats: each gets all, in order, once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 200 }), async (seed, size) => {
      const random = seededRandom(seed);
      const clock = new FakeClock();
      const got = { console: '', bmc: '' };
      const wire = (to: () => SolEnd) => (payload: Uint8Array) => {
        const copies = random() < 0.1 ? 0 : random() < 0.1 ? 2 : 1;
        for (let i = 0; i < copies; i++) clock.timer(1 + i, () => to().received(payload));
      };
      const ends = { console: undefined as SolEnd | undefined, bmc: undefined as SolEnd | undefined };
      const make = (side: 'console' | 'bmc', other: 'console' | 'bmc') =>
        new SolEnd(side, size, {
          clock,
          send: wire(() => ends[other]!),
          output: (b) => void (got[side] += text(b)),
          notice: () => {},
          ended: (why) => assert.fail(why),
          // Takes little now and then: partial accepts and NACKs.
          room: () => (random() < 0.2 ? Math.floor(random() * 5) : 500),
        });
      ends.console = make('console', 'bmc');
      ends.bmc = make('bmc', 'console');
      let typed = '';
      let printed = '';
      for (let i = 0; i < 12; i++) {
        const a = `typed ${i} ${'x'.repeat(Math.floor(random() * 60))};`;
        const b = `printed ${i} ${'y'.repeat(Math.floor(random() * 90))};`;
        if (size > 20) {
          ends.console.write(bytes(a));
          typed += a;
        }
        ends.bmc.write(bytes(b));
        printed += b;
        await clock.advance(20);
      }
      const done = Promise.all([ends.console.drained(), ends.bmc.drained()]);
      await runClock(clock, done, 7_200_000);
      assert.equal(got.bmc, typed);
      assert.equal(got.console, printed);
    }),
    { numRuns: 12, seed: 42 },
  );
});

async function shut(virtual: VirtualBmc, stream: ConsoleStream): Promise<void> {
  await runClock(virtual.clock, Promise.resolve(stream[Symbol.asyncDispose]()));
}

interface Rig {
  virtual: VirtualBmc;
  serial: FakeSerial;
  bmc: IpmiBmc;
  notices: string[];
  open(): Promise<ConsoleStream>;
  /** Runs the clock until the console has printed `wanted`. */
  prints(stream: ConsoleStream, wanted: string): Promise<string>;
  close(): Promise<void>;
}

async function rig(options: Partial<IpmiServerOptions> = {}, target: Partial<IpmiTarget> = {}): Promise<Rig> {
  const serial = new FakeSerial();
  const virtual = await virtualBmc({ serial, ...options });
  const notices: string[] = [];
  const bmc = new IpmiBmc({
    address: 'ipmi://192.0.2.1',
    target: {
      host: '192.0.2.1',
      port: BMC_PORT,
      username: 'admin',
      password: 'secret',
      suites: options.suites ?? [17],
      ...target,
    },
    doors: { clock: virtual.clock, random: () => 0.5, log: memoryLogger(virtual.lines), connect: virtual.net.connect },
  });
  const open = async () =>
    (
      await runClock(
        virtual.clock,
        bmc.console.open(never, (n) => notices.push(n)),
      )
    ).value;
  const prints = async (stream: ConsoleStream, wanted: string) => {
    let seen = '';
    const iterator = stream.output[Symbol.asyncIterator]();
    while (!seen.includes(wanted)) {
      const { value } = await runClock(virtual.clock, iterator.next());
      if (value.done === true) break;
      seen += text(value.value);
    }
    return seen;
  };
  const close = async () => {
    await runClock(virtual.clock, bmc.close());
    await virtual.server.close();
  };
  return { virtual, serial, bmc, notices, open, prints, close };
}

test('ipmi 7: a console: prints, types, breaks, and gives the port back', async () => {
  const { virtual, serial, bmc, open, prints, close } = await rig();
  const stream = await open();
  serial.print('login: ');
  assert.equal(await prints(stream, 'login: '), 'login: ');
  await runClock(virtual.clock, stream.write(bytes('root\r')));
  assert.equal(serial.typed, 'root\r');
  await runClock(virtual.clock, stream.sendBreak());
  assert.equal(serial.breaks, 1);
  // Commands go on over the same session meanwhile.
  assert.equal((await runClock(virtual.clock, bmc.powerState(never))).value, 'off');
  assert.equal(virtual.server.sessions, 1);
  await assert.rejects(bmc.console.open(never), { code: 'BMC_CONSOLE_REFUSED' });
  await shut(virtual, stream);
  assert.equal(serial.listeners, 0);
  await shut(virtual, await open());
  await close();
});

test('ipmi 7: a slow port: everything typed arrives, by partial accepts', async () => {
  const { virtual, serial, open, close } = await rig();
  const stream = await open();
  serial.capacity = 3;
  await runClock(virtual.clock, stream.write(bytes('abcdefghijklmnopqrstuvwxyz')));
  assert.equal(serial.typed, 'abcdefghijklmnopqrstuvwxyz');
  await shut(virtual, stream);
  await close();
});

test('ipmi 7: a console that is active already (80h) is ended once and taken', async () => {
  const { virtual, serial, notices, open, prints, close } = await rig();
  const other = new IpmiBmc({
    address: 'other',
    target: { host: '192.0.2.1', port: BMC_PORT, username: 'admin', password: 'secret' },
    doors: { clock: virtual.clock, random: () => 0.5, log: memoryLogger([]), connect: virtual.net.connect },
  });
  const told: string[] = [];
  const { value: first } = await runClock(
    virtual.clock,
    other.console.open(never, (n) => told.push(n)),
  );
  const stream = await open();
  serial.print('mine');
  assert.equal(await prints(stream, 'mine'), 'mine');
  assert.deepEqual(told, ['console lost (the BMC ended it), connecting again']);
  assert.match(notices.join(), /^another session \(user "admin" at [\d.]+\) had the console; it is taken from there$/);
  // The one that lost it waits and does not take it back.
  await virtual.clock.advance(60_000);
  assert.match(told[1] ?? '', /^another session \(user "admin" at [\d.]+\) has it now$/);
  serial.print(' still');
  assert.equal(await prints(stream, 'still'), ' still');
  await shut(virtual, stream);
  await virtual.clock.advance(60_000);
  assert.deepEqual(told.slice(2), ['console is back']);
  await shut(virtual, first);
  await runClock(virtual.clock, other.close());
  await close();
});

test('ipmi 7: quirk intelplus: 0 characters acknowledged are all; without it nothing more is typed', async () => {
  const faults = { sol: { zeroAccepted: true, onlyFlags: 0xc4 } };
  const { solFlags = 0, ...wire } = namedQuirks(['intelplus']).wire;
  assert.equal(solFlags, 0xc4);
  for (const quirks of [{ solFlags }, { solFlags, solZeroIsAll: wire.solZeroIsAll === true }]) {
    const { virtual, serial, open, close } = await rig({ faults }, { quirks });
    const stream = await open();
    void stream.write(bytes('first'));
    void stream.write(bytes('second'));
    await virtual.clock.advance(3000);
    assert.equal(serial.typed, quirks.solZeroIsAll === true ? 'firstsecond' : 'first'.repeat(4));
    await shut(virtual, stream);
    await close();
  }
});

test('ipmi 7: quirk intelplus: a NACK still means that nothing was taken', () => {
  const nack = ofPacket({ ack: 1, accepted: 0, flags: SolFlag.nack });
  const [, refused] = play(solStart('console', 200, true), { kind: 'write', bytes: bytes('x') }, nack);
  assert.equal(refused?.state.inFlight?.sequence, 2, 'the same under a new number');
  const [, taken] = play(solStart('console', 200, true), { kind: 'write', bytes: bytes('x') }, ofPacket({ ack: 1 }));
  assert.equal(taken?.state.inFlight, undefined);
});

test('ipmi 7: quirk i82571spt: flags 08h; without it the board refuses', async () => {
  const { wire: quirks } = namedQuirks(['i82571spt']);
  const usual = await rig({ faults: { sol: { onlyFlags: 0x08 } } });
  await assert.rejects(usual.open(), { code: 'BMC_COMMAND_REFUSED' });
  await usual.close();
  // The chip as ipmitool treats it: nothing but a login and a console.
  const { virtual, serial, open, prints, close } = await rig(
    { faults: { sol: { onlyFlags: 0x08 }, quirks } },
    { quirks },
  );
  const stream = await open();
  await virtual.clock.advance(300_000);
  assert.equal(virtual.net.clientPorts.length, 1, 'five minutes, and the session is still the first');
  serial.print('ok');
  assert.equal(await prints(stream, 'ok'), 'ok');
  await shut(virtual, stream);
  await close();
});

test('ipmi 7: a session of IPMI 1.5 has no payloads: told before anything is sent, and again at once', async () => {
  const v15 = { types: ['md5' as const], perMessageAuth: true, only: true };
  const { virtual, bmc, open, close } = await rig({ v15 });
  for (let i = 0; i < 2; i++) {
    const error: unknown = await open().catch((e: unknown) => e);
    assert.ok(error instanceof IngotError);
    assert.equal(error.code, 'BMC_UNSUPPORTED');
    assert.match(error.message, /IPMI 1\.5, authentication md5, and serial over LAN is a payload of RMCP\+/);
    assert.match(error.hint, /serial console server/);
  }
  assert.equal((await runClock(virtual.clock, bmc.powerState(never))).value, 'off', 'all else works');
  await close();
});

for (const [what, faults] of [
  ['83h: asked again without encryption', { refuse: { code: 0x83, times: 1 } }],
  ['a byte-swapped port', { port: 0x6f02 }],
  ['another port', { port: 4711 }],
  ['payload size 0', { inboundBytes: 0 }],
  ['payload size FFFFh', { inboundBytes: 0xffff }],
] as const) {
  test(`a BMC with ${what}`, async () => {
    const { virtual, serial, open, prints, close } = await rig({ faults: { sol: faults } });
    const stream = await open();
    serial.print('ok');
    assert.equal(await prints(stream, 'ok'), 'ok');
    await runClock(virtual.clock, stream.write(bytes('typed')));
    assert.equal(serial.typed, 'typed');
    await shut(virtual, stream);
    await close();
  });
}

test('who has a session: our answer is understood, and so are those of BMCs that say less', () => {
  const counts = { possible: 15, active: 2 };
  const info = { userId: 2, privilege: 4, address: '10.0.0.5' };
  const parse = (data: Uint8Array) => getSessionInfo(7).parse(new ByteReader(data));
  assert.deepEqual(parse(encodeSessionInfo(counts, { ...info, channel: 1, port: 50_000 })), info);
  assert.equal(parse(encodeSessionInfo(counts, undefined)), undefined);
  const withoutLan = encodeSessionInfo(counts, { ...info, channel: 1, port: 1 }).subarray(0, 6);
  assert.deepEqual(parse(withoutLan), { ...info, address: undefined });
  assert.equal(decodeSessionInfoRequest(getSessionInfo(0x01020304).data), 0x01020304);
});

test('ipmi 7: SOL switched off (81h), or no SOL at all (C1): told with what to do', async () => {
  const off = await rig({ faults: { sol: { refuse: { code: 0x81, times: 9 } } } });
  await assert.rejects(off.open(), (e: Error & { code: string; hint: string }) => {
    assert.equal(e.code, 'BMC_CONSOLE_REFUSED');
    return /enable serial over LAN/.test(e.hint);
  });
  await off.close();
  const virtual = await virtualBmc();
  const bmc = new IpmiBmc({
    address: 'x',
    target: { host: '192.0.2.1', port: BMC_PORT, username: 'admin', password: 'secret' },
    doors: { clock: virtual.clock, random: () => 0.5, log: memoryLogger([]), connect: virtual.net.connect },
  });
  await assert.rejects(runClock(virtual.clock, bmc.console.open(never)), { code: 'BMC_UNSUPPORTED' });
  await runClock(virtual.clock, bmc.close());
  await virtual.server.close();
});

test('ipmi 7: every seventh datagram lost, so that copies are sent: the text is whole', async () => {
  const { virtual, serial, open, prints, close } = await rig();
  const stream = await open();
  const random = seededRandom(7);
  virtual.net.tap = () => (random() < 0.15 ? 'drop' : 'pass');
  const lines = Array.from({ length: 60 }, (_, i) => `[${i}] a line of the kernel\n`);
  for (const line of lines) serial.print(line);
  serial.print('END');
  assert.equal(await prints(stream, 'END'), `${lines.join('')}END`);
  await runClock(virtual.clock, stream.write(bytes('x'.repeat(900))));
  assert.equal(serial.typed, 'x'.repeat(900));
  virtual.net.tap = () => 'pass';
  await shut(virtual, stream);
  await close();
});

test('ipmi 7: the BMC restarts: the console comes back by itself', async () => {
  const { virtual, serial, notices, open, prints, close } = await rig();
  const stream = await open();
  await virtual.restart();
  await virtual.clock.advance(60_000);
  assert.equal(serial.listeners, 1, notices.join());
  serial.print('after');
  assert.equal(await prints(stream, 'after'), 'after');
  assert.match(notices.join(), /console lost.*console is back/);
  await shut(virtual, stream);
  await close();
});

test('ipmi 7: a reader that stops: the machine is asked to wait, nothing is lost', async () => {
  const { virtual, serial, open, prints, close } = await rig();
  const stream = await open();
  const block = `${'z'.repeat(9999)}\n`;
  for (let i = 0; i < 40; i++) serial.print(block);
  serial.print('END');
  await virtual.clock.advance(30_000);
  assert.equal((await prints(stream, 'END')).length, 400_003);
  await shut(virtual, stream);
  await close();
});

test('ipmi 7: the numbers of the payload commands', () => {
  assert.deepEqual([PayloadCmd.activate, PayloadCmd.deactivate, PayloadCmd.instanceInfo], [0x48, 0x49, 0x4b]);
});
