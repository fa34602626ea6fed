/** Hostile records: more than a million mutated SEL and SDR records, FRU inventories and command answers, no crash. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '../../src/core/clock.ts';
import { IngotError } from '../../src/core/errors.ts';
import { getRestartCause } from '../../src/ipmi/commands/chassis/restart-cause.ts';
import { setRestorePolicy } from '../../src/ipmi/commands/chassis/restore-policy.ts';
import { getChassisStatus } from '../../src/ipmi/commands/chassis/status.ts';
import { encodePowerReading, getPowerReading } from '../../src/ipmi/commands/dcmi/power-reading.ts';
import { getFruInfo } from '../../src/ipmi/commands/fru/info.ts';
import { decodeReadFru, readFru } from '../../src/ipmi/commands/fru/read.ts';
import { decodeGetLanConfig, getLanConfig } from '../../src/ipmi/commands/lan/config.ts';
import { getSdrInfo } from '../../src/ipmi/commands/sdr/info.ts';
import { clearSel, decodeClearSel } from '../../src/ipmi/commands/sel/clear.ts';
import { getSelEntry } from '../../src/ipmi/commands/sel/get-entry.ts';
import { getSelInfo } from '../../src/ipmi/commands/sel/info.ts';
import { getSelTime } from '../../src/ipmi/commands/sel/time.ts';
import { getSensorFactors } from '../../src/ipmi/commands/sensor/factors.ts';
import { getSensorReading } from '../../src/ipmi/commands/sensor/reading.ts';
import { getSensorThresholds } from '../../src/ipmi/commands/sensor/thresholds.ts';
import { decodeReadPart } from '../../src/ipmi/commands/records.ts';
import { decodeGetUserAccess, getUserAccess } from '../../src/ipmi/commands/user/access.ts';
import { getUserName } from '../../src/ipmi/commands/user/name.ts';
import { decodeFru } from '../../src/ipmi/fru/areas.ts';
import { reading } from '../../src/ipmi/sdr/convert.ts';
import { decodeSdr, encodeSdr } from '../../src/ipmi/sdr/record.ts';
import { stateTexts } from '../../src/ipmi/sdr/states.ts';
import { unitText } from '../../src/ipmi/sdr/units.ts';
import { decodeSelRecord, encodeSelRecord } from '../../src/ipmi/sel/record.ts';
import { selText } from '../../src/ipmi/sel/text.ts';
import { plausibleModel } from '../../src/ipmi/server-model.ts';
import { decideSol, solStart, waitingCharacters } from '../../src/ipmi/sol/decide.ts';
import { SolStatus, decodeSol, encodeSol } from '../../src/ipmi/sol/packet.ts';
import { ByteReader } from '../../src/wire/reader.ts';
import { mutator } from '../support/mutate.ts';

const RUNS = 300_000;

const model = plausibleModel({ clock: new FakeClock(), users: [] });
const sels = [
  ...model.sel.records.map(encodeSelRecord),
  encodeSelRecord({ kind: 'oem', id: 9, type: 0xe1, data: new Uint8Array(13).fill(7) }),
  encodeSelRecord({ kind: 'oem-stamped', id: 8, type: 0xc1, time: 5, manufacturer: 674, data: new Uint8Array(6) }),
];
const commands = [
  getChassisStatus(),
  getRestartCause(),
  setRestorePolicy(undefined),
  getPowerReading(),
  getFruInfo(0),
  readFru({ device: 0, offset: 0, count: 8 }),
  getLanConfig(1, 3),
  getSdrInfo(),
  getSelInfo(),
  getSelTime(),
  clearSel(1, 'poll'),
  getSelEntry({ reservationId: 0, recordId: 0, offset: 0, count: 0xff }),
  getSensorReading(1),
  getSensorThresholds(1),
  getSensorFactors(1, 2),
  getUserAccess(1, 2),
  getUserName(2),
];
const requests: readonly ((b: Uint8Array) => unknown)[] = [
  decodeReadFru,
  decodeGetLanConfig,
  decodeClearSel,
  decodeReadPart,
  decodeGetUserAccess,
];

/** Feeds `work` with mutations of `corpus`. @returns how many it could make sense of */
function feed(corpus: readonly Uint8Array[], seed: number, work: (bytes: Uint8Array, i: number) => void): number {
  const next = mutator(corpus, seed);
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  let good = 0;
  for (let i = 0; i < RUNS; i++) {
    const bytes = next();
    try {
      work(bytes, i);
      good++;
    } catch (error) {
      if (error instanceof IngotError) continue;
      throw new Error(`broke on ${Buffer.from(bytes).toString('hex')}`, { cause: error });
    }
  }
  Error.stackTraceLimit = limit;
  return good;
}

test(`${RUNS} mutated SEL and SDR records: decoded and put into words, or refused`, () => {
  const good = feed([...sels, ...model.sdrs.map(encodeSdr)], 20271, (bytes, i) => {
    if (i % 2 === 0) {
      const text = selText(decodeSelRecord(bytes), () => 'x');
      assert.equal(typeof text.text, 'string');
      return;
    }
    const sdr = decodeSdr(bytes);
    if (sdr.kind !== 'full') return;
    const value = reading(i & 0xff, sdr.units.format, sdr.factors, sdr.linearization);
    assert.ok(value === undefined || Number.isFinite(value));
    assert.equal(typeof unitText(sdr.units), 'string');
    assert.ok(stateTexts(sdr.eventType, sdr.sensorType, i & 0x7fff).every((s) => s !== ''));
  });
  assert.ok(good > RUNS / 10, `${good} were understood`);
});

test(`${RUNS} mutated FRU inventories: fields and warnings, never an exception`, () => {
  const fru = model.frus.get(0) ?? new Uint8Array(0);
  const good = feed([fru, fru.slice(0, 80)], 20272, (bytes) => {
    const { fields, warnings } = decodeFru(bytes);
    assert.ok(fields.length < 300 && warnings.length < 10);
  });
  assert.equal(good, RUNS);
});

test(`${RUNS} mutated answers and requests of the new commands`, () => {
  const power = { watts: 1, minimum: 1, maximum: 2, average: 1, time: 5, periodMs: 1000, active: true };
  const corpus = [encodePowerReading(power), ...sels, new Uint8Array(16).fill(0x41), Uint8Array.of(1, 2, 3, 4, 5, 6)];
  const good = feed(corpus, 20273, (bytes, i) => {
    if (i % 4 === 0) requests[(i >> 2) % requests.length]?.(bytes);
    else commands[i % commands.length]?.parse(new ByteReader(bytes));
  });
  assert.ok(good > RUNS / 3, `${good} were understood`);
});

test(`${RUNS} mutated SOL packets to both ends: they live, hold little, and print no more than was sent`, () => {
  const corpus = [
    encodeSol({ sequence: 1, ack: 0, accepted: 0, flags: 0, data: new Uint8Array(20).fill(0x41) }),
    encodeSol({ sequence: 0, ack: 1, accepted: 5, flags: 0, data: new Uint8Array(0) }),
    encodeSol({ sequence: 2, ack: 1, accepted: 0, flags: SolStatus.nack, data: new Uint8Array(3) }),
  ];
  for (const [side, zeroIsAll] of [
    ['console', false],
    ['console', true],
    ['bmc', false],
  ] as const) {
    let state = solStart(side, 200, zeroIsAll);
    const good = feed(corpus, side === 'bmc' ? 20274 : 20275, (bytes, i) => {
      const packet = decodeSol(bytes);
      if (i % 7 === 0) state = decideSol(state, { kind: 'write', bytes: bytes.slice(0, 3) }).state;
      if (i % 11 === 0) state = decideSol(state, { kind: 'timeout' }).state;
      const decision = decideSol(state, { kind: 'packet', packet, room: i % 300 });
      const printed = decision.output.reduce((n, b) => n + b.length, 0);
      assert.ok(printed <= packet.data.length && decision.send.length <= 2);
      // What a peer never acknowledges piles up at our own writer alone: it waits in `write`.
      state =
        decision.ended === undefined && waitingCharacters(decision.state) < 10_000
          ? decision.state
          : solStart(side, 200, zeroIsAll);
    });
    assert.ok(good > RUNS / 4, `${good} were understood`);
  }
});
