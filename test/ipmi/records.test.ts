/** Records of the event log, the SDR repository and FRU inventories, and the reading of them from BMCs that lie. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { Command, RunCommand } from '../../src/ipmi/commands/command.ts';
import { FruCmd } from '../../src/ipmi/commands/fru/numbers.ts';
import { decodeReadFru } from '../../src/ipmi/commands/fru/read.ts';
import { SdrCmd } from '../../src/ipmi/commands/sdr/numbers.ts';
import { SelCmd } from '../../src/ipmi/commands/sel/numbers.ts';
import { THRESHOLDS } from '../../src/ipmi/commands/sensor/thresholds.ts';
import { decodeReadPart } from '../../src/ipmi/commands/records.ts';
import { ipmiErrors } from '../../src/ipmi/errors.ts';
import { decodeFru } from '../../src/ipmi/fru/areas.ts';
import { encodeFru, encodeFruField } from '../../src/ipmi/fru/encode.ts';
import { readFruBytes } from '../../src/ipmi/fru/read.ts';
import { rawOf, reading } from '../../src/ipmi/sdr/convert.ts';
import { readSdrs } from '../../src/ipmi/sdr/read.ts';
import { type SdrRecord, decodeSdr, encodeSdr } from '../../src/ipmi/sdr/record.ts';
import { stateTexts } from '../../src/ipmi/sdr/states.ts';
import { unitText } from '../../src/ipmi/sdr/units.ts';
import { eraseSel, readSel } from '../../src/ipmi/sel/read.ts';
import { type SelRecord, decodeSelRecord, encodeSelRecord } from '../../src/ipmi/sel/record.ts';
import { selText } from '../../src/ipmi/sel/text.ts';
import { ServerCommands } from '../../src/ipmi/server-commands.ts';
import type { Sender } from '../../src/ipmi/server-commands/handler.ts';
import { type BmcModel, plausibleModel } from '../../src/ipmi/server-model.ts';
import { decodeText, encodeText } from '../../src/ipmi/text-field.ts';
import { bytesEqual } from '../../src/wire/hex.ts';
import { ByteReader } from '../../src/wire/reader.ts';
import { FakeChassis } from '../support/fake-chassis.ts';

const never = new AbortController().signal;
const u8 = fc.nat(0xff);
const exactly = (n: number) => fc.uint8Array({ minLength: n, maxLength: n });
const plain = { noNullPrototype: true } as const;

const selRecords: fc.Arbitrary<SelRecord> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('event' as const),
      id: fc.nat(0xffff),
      type: fc.constant(2),
      time: fc.nat(0xffff_ffff),
      generator: fc.nat(0xffff),
      format: u8,
      sensorType: u8,
      sensor: u8,
      deasserted: fc.boolean(),
      eventType: fc.nat(0x7f),
      data: exactly(3),
    },
    plain,
  ),
  fc.record(
    {
      kind: fc.constant('oem-stamped' as const),
      id: fc.nat(0xffff),
      type: fc.integer({ min: 0xc0, max: 0xdf }),
      time: fc.nat(0xffff_ffff),
      manufacturer: fc.nat(0xff_ffff),
      data: exactly(6),
    },
    plain,
  ),
  fc.record(
    {
      kind: fc.constant('oem' as const),
      id: fc.nat(0xffff),
      type: fc.integer({ min: 0xe0, max: 0xff }),
      data: exactly(13),
    },
    plain,
  ),
);

test('event log records of all three formats come back as they were', () => {
  fc.assert(
    fc.property(selRecords, (record) => {
      const bytes = encodeSelRecord(record);
      assert.equal(bytes.length, 16);
      assert.deepEqual(decodeSelRecord(bytes), record);
      assert.equal(typeof selText(record, () => undefined).text, 'string');
    }),
  );
});

const name = fc.string({ unit: fc.constantFrom(...'ABCabc 019+-.'), maxLength: 16 }).map((s) => s.trimEnd());
const place = {
  id: fc.nat(0xfffe),
  owner: u8,
  lun: fc.nat(3),
  channel: fc.nat(15),
  sensor: u8,
  entity: u8,
  entityInstance: fc.nat(0x7f),
  sensorType: u8,
  name,
};
const units = fc.record(
  {
    format: fc.constantFrom(
      'unsigned' as const,
      'ones-complement' as const,
      'twos-complement' as const,
      'none' as const,
    ),
    percent: fc.boolean(),
    base: u8,
    modifier: u8,
    relation: fc.constantFrom('none' as const, 'divide' as const, 'multiply' as const),
    rate: fc.nat(7),
  },
  plain,
);
const ten = fc.integer({ min: -512, max: 511 });
const four = fc.integer({ min: -8, max: 7 });
const sdrRecords: fc.Arbitrary<SdrRecord> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('full' as const),
      ...place,
      eventType: fc.constant(1),
      units,
      linearization: fc.nat(0x7f),
      factors: fc.record({ m: ten, b: ten, bExp: four, rExp: four }, plain),
      thresholds: fc.record(Object.fromEntries(THRESHOLDS.map((t) => [t, u8])), { requiredKeys: [], ...plain }),
    },
    plain,
  ),
  fc.record(
    { kind: fc.constant('compact' as const), ...place, eventType: u8, units, shared: fc.integer({ min: 1, max: 15 }) },
    plain,
  ),
  fc.record({ kind: fc.constant('event-only' as const), ...place, eventType: u8 }, plain),
  fc.record(
    {
      kind: fc.constant('fru-locator' as const),
      id: fc.nat(0xfffe),
      address: u8,
      channel: fc.nat(15),
      lun: fc.nat(3),
      device: u8,
      logical: fc.boolean(),
      entity: u8,
      entityInstance: u8,
      name,
    },
    plain,
  ),
  fc.record(
    {
      kind: fc.constant('mc-locator' as const),
      id: fc.nat(0xfffe),
      address: u8,
      channel: fc.nat(15),
      capabilities: u8,
      entity: u8,
      entityInstance: u8,
      name,
    },
    plain,
  ),
  fc.record(
    {
      kind: fc.constant('other' as const),
      id: fc.nat(0xfffe),
      type: fc.constantFrom(0x08, 0x10, 0xc0),
      body: exactly(9),
    },
    plain,
  ),
);

test('SDRs of every kind come back as they were', () => {
  fc.assert(fc.property(sdrRecords, (record) => assert.deepEqual(decodeSdr(encodeSdr(record)), record)));
});

test('readings: linear, two’s and one’s complement, exponents, curves', () => {
  const f = (m: number, b = 0, bExp = 0, rExp = 0) => ({ m, b, bExp, rExp });
  assert.equal(reading(0x1a, 'unsigned', f(1), 0), 26);
  assert.equal(reading(0xc0, 'unsigned', f(63, 0, 0, -3), 0), 12.096);
  assert.equal(reading(0xfe, 'twos-complement', f(1), 0), -2);
  assert.equal(reading(0xfe, 'ones-complement', f(1), 0), -1);
  assert.equal(reading(0xff, 'ones-complement', f(1), 0), 0);
  // (2·10 + 5·10^1)·10^1 = 700
  assert.equal(reading(10, 'unsigned', f(2, 5, 1, 1), 0), 700);
  assert.equal(reading(4, 'unsigned', f(1), 7), 0.25);
  assert.equal(reading(0, 'unsigned', f(1), 7), undefined);
  assert.equal(reading(9, 'unsigned', f(1), 10), 3);
  assert.equal(reading(9, 'none', f(1), 0), undefined);
  fc.assert(
    fc.property(u8, fc.integer({ min: 1, max: 511 }), ten, four, four, (raw, m, b, bExp, rExp) => {
      const factors = { m, b, bExp, rExp };
      const line = reading(raw, 'unsigned', factors, 0);
      assert.ok(line !== undefined);
      // Rounded to six digits, a small M beside a large B can lose the raw value.
      if (Math.abs(b * 10 ** bExp) < 1000 * m) assert.ok(Math.abs(rawOf(line, factors) - raw) <= 1);
    }),
  );
});

test('units and states as texts', () => {
  const unit = { format: 'unsigned', percent: false, base: 18, modifier: 0, relation: 'none', rate: 0 } as const;
  assert.equal(unitText(unit), 'RPM');
  assert.equal(unitText({ ...unit, base: 0, percent: true }), '%');
  assert.equal(unitText({ ...unit, base: 70, rate: 3 }), 'bytes/s');
  assert.equal(unitText({ ...unit, base: 92 }), 'grams');
  assert.deepEqual(stateTexts(0x6f, 0x08, 0b1011), ['present', 'failure detected', 'input lost']);
  assert.deepEqual(stateTexts(0x0b, 0x08, 0b1), ['fully redundant']);
  assert.deepEqual(stateTexts(0x6f, 0xc7, 0b100), ['state 2']);
});

test('entries of the log as texts', () => {
  const event = (eventType: number, sensorType: number, offset: number): SelRecord => ({
    kind: 'event',
    id: 1,
    type: 2,
    time: 0,
    generator: 0x20,
    format: 4,
    sensorType,
    sensor: 3,
    deasserted: false,
    eventType,
    data: Uint8Array.of(0x50 | offset, 1, 2),
  });
  const named = (record: SelRecord) => selText(record, (owner, n) => (owner === 0x20 && n === 3 ? 'Fan 1' : undefined));
  assert.deepEqual(named(event(1, 4, 2)), { text: 'Fan 1 (Fan): below lower critical', severity: 'critical' });
  assert.deepEqual(named(event(1, 1, 7)), {
    text: 'Fan 1 (Temperature): above upper non-critical',
    severity: 'warning',
  });
  assert.equal(named(event(1, 4, 3)).severity, 'ok');
  assert.deepEqual(named(event(0x6f, 0x0c, 1)), { text: 'Fan 1 (Memory): uncorrectable ECC', severity: 'critical' });
});

test('6-bit, BCD plus, 8-bit and Unicode texts come back as they were', () => {
  const six = fc.string({ unit: fc.constantFrom(...'AZ09 !_-.'), maxLength: 40 });
  fc.assert(
    fc.property(six, fc.string({ unit: fc.constantFrom(...'0129-.:,_'), maxLength: 30 }), fc.string(), (a, b, c) => {
      assert.equal(decodeText('six-bit', encodeText('six-bit', a)), a.trimEnd());
      assert.equal(decodeText('bcd-plus', encodeText('bcd-plus', b)), b);
      const text = c.replace(/[\0 ]+$/, '');
      assert.equal(decodeText('unicode', encodeText('unicode', text)), text);
    }),
  );
  // "IPMI" packed, the example of the specification (§43.16).
  assert.deepEqual([...encodeText('six-bit', 'IPMI')], [0x29, 0xdc, 0xa6]);
});

const CONTENT = {
  chassis: { type: 0x17, fields: ['CH-1', 'CS-2'] },
  board: { made: new Date(Date.UTC(2026, 2, 4)), fields: ['Maker', 'Board', 'BS-3', 'BP-4', ''] },
  product: { fields: ['Maker', 'Server', 'P-5', '1.0', 'PS-6', '', '', 'extra'] },
};

test('ipmi 6: a FRU inventory: fields, custom ones, and a wrong checksum that only warns', () => {
  const bytes = encodeFru(CONTENT);
  const { fields, warnings } = decodeFru(bytes);
  assert.deepEqual(warnings, []);
  const values = Object.fromEntries(fields.map((f) => [`${f.area} ${f.name}`, f.value]));
  assert.deepEqual(values, {
    'Chassis type': 'Rack Mount Chassis',
    'Chassis part number': 'CH-1',
    'Chassis serial number': 'CS-2',
    'Board manufactured': '2026-03-04',
    'Board manufacturer': 'Maker',
    'Board product name': 'Board',
    'Board serial number': 'BS-3',
    'Board part number': 'BP-4',
    'Product manufacturer': 'Maker',
    'Product name': 'Server',
    'Product part number': 'P-5',
    'Product version': '1.0',
    'Product serial number': 'PS-6',
    'Product custom 1': 'extra',
  });
  const broken = bytes.slice();
  broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 0xff;
  assert.deepEqual(decodeFru(broken), { fields, warnings: ['Product area: checksum is wrong'] });
  broken[7] = (broken[7] ?? 0) ^ 1;
  assert.deepEqual(decodeFru(broken).fields, fields);
  assert.match(decodeFru(bytes.slice(0, 40)).warnings.join(), /announced|needs/);
  assert.deepEqual(decodeFru(new Uint8Array(64).fill(0xff)), {
    fields: [],
    warnings: ['no FRU data of format version 1'],
  });
});

test('FRU fields in other codings and languages', () => {
  const field = (lang: number, ...parts: Uint8Array[]) => {
    const body = Uint8Array.of(1, 0, lang, ...parts.flatMap((p) => [...p]), 0xc1);
    const padded = new Uint8Array(Math.ceil((body.length + 1) / 8) * 8);
    padded.set(body);
    padded[1] = padded.length / 8;
    padded[padded.length - 1] = -padded.reduce((a, b) => a + b, 0) & 0xff;
    const header = Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0xfe);
    return decodeFru(Uint8Array.of(...header, ...padded));
  };
  const japanese = field(42, encodeFruField('unicode', '製造'), encodeFruField('six-bit', 'RACK-9'));
  assert.deepEqual(japanese.warnings, []);
  assert.deepEqual(
    japanese.fields.map((f) => f.value),
    ['製造', 'RACK-9'],
  );
  assert.equal(field(25, encodeFruField('bcd-plus', '20-26')).fields[0]?.value.trim(), '20-26');
});

/** Which commands misbehave, and how: a completion code instead of an answer, or another answer. */
type Trap = (netFn: number, cmd: number, data: Uint8Array, count: number) => number | Uint8Array | undefined;

interface Rig {
  run: RunCommand;
  model: BmcModel;
  /** Commands seen, by number. */
  calls: Map<number, number>;
}

/** The command tables of our server without a network between, with traps in front of them. */
function rig(trap: Trap = () => undefined): Rig {
  const clock = new FakeClock();
  const model = plausibleModel({ clock, users: [] });
  const parts = {
    chassis: new FakeChassis(),
    deviceId: { deviceId: 1, manufacturerId: 2, productId: 3 },
    guid: new Uint8Array(16),
    suites: [],
    faults: {},
    satellites: [],
    capabilities: { v2: true, v15: false, types: [], kgSet: false, perMessageAuth: true },
    log: silentLogger,
    clock,
    model,
  };
  const commands = new ServerCommands(parts);
  const sender = { privilege: 4 } as Sender;
  const calls = new Map<number, number>();
  const run = async <T>(command: Command<T>): Promise<T> => {
    const { netFn, cmd, data } = command;
    const count = (calls.get(cmd) ?? 0) + 1;
    calls.set(cmd, count);
    const trapped = trap(netFn, cmd, data, count);
    const message = { netFn, cmd, data, sequence: 0, to: 0x20, from: 0x81 };
    const { completion, data: reply = new Uint8Array(0) } =
      typeof trapped === 'number'
        ? { completion: trapped }
        : trapped instanceof Uint8Array
          ? { completion: 0, data: trapped }
          : await commands.run(message, sender);
    if (completion !== 0) {
      throw ipmiErrors.make('IPMI_COMPLETION', `${command.name}: ${completion}`, { seen: { completion } });
    }
    return command.parse(new ByteReader(reply));
  };
  return { run, model, calls };
}

const ids = (records: readonly { id: number }[]) => records.map((r) => r.id);
const fill = (model: BmcModel, count: number) => {
  for (let i = 0; i < count; i++) {
    model.sel.event({ sensorType: 1, sensor: i, eventType: 1, data: Uint8Array.of(0, 0, 0) });
  }
};

test('ipmi 6: SEL in whole records, then in parts when those are refused, with every refusal there is', async () => {
  for (const refusal of [0xca, 0xc8, 0xff, 0xc7]) {
    for (const limit of [0xfe, 16, 8]) {
      const { run, model } = rig((netFn, cmd, data) =>
        netFn === 0x0a && cmd === SelCmd.getEntry && decodeReadPart(data).count > limit ? refusal : undefined,
      );
      fill(model, 3);
      assert.deepEqual(ids((await readSel(run, never)).records), [1, 2, 3, 4], `${refusal} above ${limit}`);
    }
  }
});

test('ipmi 6: SEL: a reservation cancelled in mid-record begins the record again', async () => {
  const { run, model, calls } = rig((netFn, cmd, data, count) => {
    if (netFn !== 0x0a || cmd !== SelCmd.getEntry) return undefined;
    const part = decodeReadPart(data);
    if (part.count > 8) return 0xca;
    return part.offset === 8 && count < 8 ? 0xc5 : undefined;
  });
  fill(model, 2);
  assert.deepEqual(ids((await readSel(run, never)).records), [1, 2, 3]);
  assert.ok((calls.get(SelCmd.reserve) ?? 0) > 1);
});

test('SEL: a log that changes all the time is given up, not read for ever', async () => {
  const { run } = rig((netFn, cmd) => (netFn === 0x0a && cmd === SelCmd.getEntry ? 0xc5 : undefined));
  await assert.rejects(readSel(run, never), /changes all the time/);
});

test('ipmi 6: SEL: no reservations (C1), an empty log (CB), the last record that never comes (C3)', async () => {
  const without = rig((netFn, cmd) => (netFn === 0x0a && cmd === SelCmd.reserve ? 0xc1 : undefined));
  fill(without.model, 1);
  assert.deepEqual(ids((await readSel(without.run, never)).records), [1, 2]);
  const empty = rig((netFn, cmd) => (netFn === 0x0a && cmd === SelCmd.getEntry ? 0xcb : undefined));
  assert.deepEqual(await readSel(empty.run, never), { records: [] });
  const dell = rig((netFn, cmd, data) =>
    netFn === 0x0a && cmd === SelCmd.getEntry && decodeReadPart(data).recordId === 3 ? 0xc3 : undefined,
  );
  fill(dell.model, 2);
  const { records, cut } = await readSel(dell.run, never);
  assert.deepEqual(ids(records), [1, 2]);
  assert.match(cut ?? '', /record 3/);
});

test('ipmi 6: SEL: a next id that points back ends the reading, counts that lie change nothing', async () => {
  const { run, model } = rig((netFn, cmd, data) => {
    if (netFn !== 0x0a || cmd !== SelCmd.getEntry) return undefined;
    const { recordId } = decodeReadPart(data);
    if (recordId !== 2) return undefined;
    const record = model.sel.records[1];
    return record === undefined ? undefined : Uint8Array.of(2, 0, ...encodeSelRecord(record));
  });
  fill(model, 4);
  const read = await readSel(run, never);
  assert.deepEqual(ids(read.records), [1, 2]);
  assert.match(read.cut ?? '', /points back/);
});

test('SEL: erased with polling, reserved again when cancelled, read back', async () => {
  let polls = 0;
  const { run, model } = rig((netFn, cmd, data, count) => {
    if (netFn !== 0x0a || cmd !== SelCmd.clear) return undefined;
    if (count === 1) return 0xc5;
    return data[5] === 0 && polls++ < 3 ? Uint8Array.of(0) : undefined;
  });
  fill(model, 9);
  const clock = new FakeClock();
  const erased = eraseSel(run, clock, never);
  for (let i = 0; i < 20; i++) await clock.advance(250);
  assert.equal(await erased, 1);
  assert.equal(polls, 4);
});

test('ipmi 6: SDRs read in parts of any size, reservation lost between them', async () => {
  for (const limit of [255, 16, 8]) {
    const { run, model } = rig((netFn, cmd, data, count) => {
      if (netFn !== 0x0a || cmd !== SdrCmd.getRecord) return undefined;
      const part = decodeReadPart(data);
      if (part.count > limit) return 0xca;
      return count === 7 ? 0xc5 : undefined;
    });
    const { records, problems } = await readSdrs(run, never);
    assert.deepEqual(problems, []);
    assert.deepEqual(
      records,
      model.sdrs.map((r) => decodeSdr(encodeSdr(r))),
    );
  }
});

test('ipmi 6: FRU read in parts of any size; a size that lies gives what there is', async () => {
  for (const limit of [32, 16, 5, 2]) {
    const { run, model } = rig((netFn, cmd, data) =>
      netFn === 0x0a && cmd === FruCmd.read && decodeReadFru(data).count > limit ? 0xc7 : undefined,
    );
    assert.ok(bytesEqual(await readFruBytes(run, 0, never), model.frus.get(0) ?? new Uint8Array(0)));
  }
  const lies = rig((netFn, cmd) => (netFn === 0x0a && cmd === FruCmd.info ? Uint8Array.of(0xff, 0x0f, 0) : undefined));
  assert.ok(bytesEqual(await readFruBytes(lies.run, 0, never), lies.model.frus.get(0) ?? new Uint8Array(0)));
});
