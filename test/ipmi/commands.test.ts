/** Commands beyond power and boot: both directions of each agree, and their bytes are those of other people's programs. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { encodeDeviceId, getDeviceId } from '../../src/ipmi/commands/app/device-id.ts';
import { resetBmc } from '../../src/ipmi/commands/app/reset.ts';
import { chassisIdentify, decodeChassisIdentify } from '../../src/ipmi/commands/chassis/identify.ts';
import { encodeRestartCause, getRestartCause } from '../../src/ipmi/commands/chassis/restart-cause.ts';
import {
  decodeRestorePolicy,
  encodeRestorePolicies,
  setRestorePolicy,
} from '../../src/ipmi/commands/chassis/restore-policy.ts';
import { encodeChassisStatus, getChassisStatus } from '../../src/ipmi/commands/chassis/status.ts';
import type { Command } from '../../src/ipmi/commands/command.ts';
import { encodePowerReading, getPowerReading } from '../../src/ipmi/commands/dcmi/power-reading.ts';
import { encodeFruInfo, getFruInfo } from '../../src/ipmi/commands/fru/info.ts';
import { decodeReadFru, encodeFruPart, readFru } from '../../src/ipmi/commands/fru/read.ts';
import { decodeGetLanConfig, encodeLanConfig, getLanConfig } from '../../src/ipmi/commands/lan/config.ts';
import { getSdr } from '../../src/ipmi/commands/sdr/get-record.ts';
import { encodeSdrInfo, getSdrInfo } from '../../src/ipmi/commands/sdr/info.ts';
import { clearSel, decodeClearSel, encodeClearSel } from '../../src/ipmi/commands/sel/clear.ts';
import { getSelEntry } from '../../src/ipmi/commands/sel/get-entry.ts';
import { encodeSelInfo, getSelInfo } from '../../src/ipmi/commands/sel/info.ts';
import { reserveSel } from '../../src/ipmi/commands/sel/reserve.ts';
import { ipmiTime, setSelTime } from '../../src/ipmi/commands/sel/time.ts';
import { encodeFactors, getSensorFactors } from '../../src/ipmi/commands/sensor/factors.ts';
import { encodeSensorReading, getSensorReading } from '../../src/ipmi/commands/sensor/reading.ts';
import { encodeThresholds, getSensorThresholds, THRESHOLDS } from '../../src/ipmi/commands/sensor/thresholds.ts';
import { decodeReadPart, encodeRecordPart, encodeReservation } from '../../src/ipmi/commands/records.ts';
import { decodeGetUserAccess, encodeUserAccess, getUserAccess } from '../../src/ipmi/commands/user/access.ts';
import { encodeUserName, getUserName } from '../../src/ipmi/commands/user/name.ts';
import { guidMatches, guidText } from '../../src/ipmi/guid.ts';
import { fromHex, toHex } from '../../src/wire/hex.ts';
import { ByteReader } from '../../src/wire/reader.ts';

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const bytes = (max: number, min = 0) => fc.uint8Array({ minLength: min, maxLength: max });

/** What the client reads out of an answer. */
const parsed = <T>(command: Command<T>, answer: Uint8Array): T => command.parse(new ByteReader(answer));

/** The answer that the server makes of `value` is read as `value` by the client. */
function answers<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  command: Command<T>,
  encode: (value: T) => Uint8Array,
): void {
  test(`${name}: the answer comes back as it was`, () => {
    fc.assert(fc.property(arbitrary, (value) => assert.deepEqual(parsed(command, encode(value)), value)));
  });
}

const bool = fc.boolean();
const policy = fc.constantFrom('stays-off', 'as-before', 'turns-on', 'unknown');
answers(
  'Get Chassis Status',
  fc.record(
    {
      powerOn: bool,
      powerFault: bool,
      overload: bool,
      interlock: bool,
      controlFault: bool,
      restorePolicy: policy,
      lastEvent: u8,
      intrusion: bool,
      driveFault: bool,
      coolingFault: bool,
      identify: fc.constantFrom('off', 'timed', 'on'),
    },
    {
      requiredKeys: [
        'powerOn',
        'powerFault',
        'overload',
        'interlock',
        'controlFault',
        'restorePolicy',
        'lastEvent',
        'intrusion',
        'driveFault',
        'coolingFault',
      ],
      noNullPrototype: true,
    },
  ),
  getChassisStatus(),
  encodeChassisStatus,
);
answers(
  'Get SEL Info',
  fc.record(
    {
      version: u8,
      entries: u16,
      freeBytes: u16,
      lastAddition: u32,
      lastErase: u32,
      overflow: bool,
      support: fc.nat(15),
    },
    { noNullPrototype: true },
  ),
  getSelInfo(),
  encodeSelInfo,
);
answers(
  'Get SDR Repository Info',
  fc.record(
    { version: u8, records: u16, freeBytes: u16, lastAddition: u32, lastErase: u32, support: u8 },
    { noNullPrototype: true },
  ),
  getSdrInfo(),
  encodeSdrInfo,
);
answers('Reserve SEL', u16, reserveSel(), encodeReservation);
answers('Clear SEL', bool, clearSel(1, 'poll'), encodeClearSel);
answers(
  'Get SDR',
  fc.record({ next: u16, data: bytes(64) }, { noNullPrototype: true }),
  getSdr({ reservationId: 0, recordId: 0, offset: 0, count: 5 }),
  ({ next, data }) => encodeRecordPart(next, data),
);
answers(
  'Get Sensor Reading',
  fc.record({ raw: u8, scanning: bool, unavailable: bool, states: fc.nat(0x7fff) }, { noNullPrototype: true }),
  getSensorReading(1),
  encodeSensorReading,
);
answers(
  'Get Sensor Thresholds',
  fc.record(Object.fromEntries(THRESHOLDS.map((t) => [t, u8])), { requiredKeys: [], noNullPrototype: true }),
  getSensorThresholds(1),
  encodeThresholds,
);
answers(
  'Get Sensor Reading Factors',
  fc.record(
    {
      m: fc.integer({ min: -512, max: 511 }),
      b: fc.integer({ min: -512, max: 511 }),
      bExp: fc.integer({ min: -8, max: 7 }),
      rExp: fc.integer({ min: -8, max: 7 }),
    },
    { noNullPrototype: true },
  ),
  getSensorFactors(1, 2),
  (factors) => Uint8Array.of(0, ...encodeFactors(factors)),
);
answers(
  'Get FRU Inventory Area Info',
  fc.record({ bytes: u16, words: bool }, { noNullPrototype: true }),
  getFruInfo(0),
  encodeFruInfo,
);
answers('Read FRU Data', bytes(64), readFru({ device: 0, offset: 0, count: 1 }), encodeFruPart);
answers(
  'DCMI Get Power Reading',
  fc.record(
    { watts: u16, minimum: u16, maximum: u16, average: u16, time: u32, periodMs: u32, active: bool },
    { noNullPrototype: true },
  ),
  getPowerReading(),
  encodePowerReading,
);
answers('Get LAN Configuration Parameters', bytes(32), getLanConfig(1, 3), encodeLanConfig);
answers(
  'Get User Access',
  fc.record(
    {
      maxUsers: fc.nat(63),
      enabledUsers: fc.nat(63),
      fixedNames: fc.nat(63),
      enabled: fc.constantFrom(true, false, undefined),
      privilege: fc.nat(15),
      ipmi: bool,
    },
    { noNullPrototype: true },
  ),
  getUserAccess(1, 2),
  encodeUserAccess,
);
answers(
  'Get User Name',
  fc.string({ unit: fc.constantFrom('a', 'Z', '9', '-'), maxLength: 16 }),
  getUserName(2),
  encodeUserName,
);

test('requests: the server reads what the client asks', () => {
  fc.assert(
    fc.property(u16, u16, u8, u8, (reservationId, recordId, offset, count) => {
      const part = { reservationId, recordId, offset, count };
      assert.deepEqual(decodeReadPart(getSelEntry(part).data), part);
      const fru = { device: offset, offset: recordId, count };
      assert.deepEqual(decodeReadFru(readFru(fru).data), fru);
      for (const action of ['start', 'poll'] as const) {
        assert.deepEqual(decodeClearSel(clearSel(reservationId, action).data), { reservationId, action });
      }
      assert.deepEqual(decodeGetLanConfig(getLanConfig(offset & 15, count).data), {
        channel: offset & 15,
        parameter: count,
        revisionOnly: false,
      });
      assert.deepEqual(decodeGetUserAccess(getUserAccess(1, offset & 63).data), { channel: 1, id: offset & 63 });
      assert.equal(decodeChassisIdentify(chassisIdentify(offset).data), offset);
    }),
  );
  assert.equal(decodeChassisIdentify(chassisIdentify('on').data), 'on');
  assert.equal(decodeChassisIdentify(new Uint8Array(0)), 15);
  for (const wanted of ['stays-off', 'as-before', 'turns-on', undefined] as const) {
    assert.equal(decodeRestorePolicy(setRestorePolicy(wanted).data), wanted);
  }
  assert.deepEqual(parsed(setRestorePolicy(undefined), encodeRestorePolicies(['as-before'])), ['as-before']);
  assert.equal(parsed(getRestartCause(), encodeRestartCause('watchdog', 1)), 'watchdog');
});

test('bytes as ipmitool sends them: clear SEL, DCMI power, set time', () => {
  assert.equal(toHex(clearSel(0x1234, 'start').data), '3412434c52aa');
  assert.equal(toHex(getPowerReading().data), 'dc010000');
  assert.equal(toHex(setSelTime(0x01020304).data), '04030201');
});

test('what must not run twice says so', () => {
  assert.equal(clearSel(1, 'start').idempotent, false);
  assert.equal(clearSel(1, 'poll').idempotent, true);
  assert.equal(resetBmc('cold').idempotent, false);
});

test('ipmi 6: Get Device ID of 11, 14 and 15 bytes: auxiliary bytes may be missing in part', () => {
  const full = encodeDeviceId({ deviceId: 1, manufacturerId: 674, productId: 2, firmwareVersion: '2.48' });
  for (const length of [11, 14, 15]) {
    const id = parsed(getDeviceId(), full.slice(0, length));
    assert.deepEqual([id.manufacturerId, id.productId, id.firmwareVersion, id.ipmiVersion], [674, 2, '2.48', '2.0']);
  }
  assert.throws(() => parsed(getDeviceId(), full.slice(0, 10)), /WIRE_SHORT|needs/);
});

test('ipmi 6: Get Chassis Status of one byte, as some BMCs send it', () => {
  const status = parsed(getChassisStatus(), Uint8Array.of(0x41));
  assert.deepEqual([status.powerOn, status.restorePolicy, status.identify], [true, 'turns-on', undefined]);
});

test('a GUID is matched with an SMBIOS UUID in any byte order', () => {
  const uuid = '00112233-4455-6677-8899-aabbccddeeff';
  assert.equal(guidMatches(fromHex('00112233445566778899aabbccddeeff'), uuid), 'network');
  assert.equal(guidMatches(fromHex('33221100554477668899aabbccddeeff'), uuid.toUpperCase()), 'smbios');
  assert.equal(guidMatches(fromHex('ffeeddccbbaa99887766554433221100'), uuid), 'ipmi');
  assert.equal(guidMatches(fromHex('00112233445566778899aabbccddee00'), uuid), undefined);
  assert.equal(guidText(fromHex('33221100554477668899aabbccddeeff'), 'smbios'), uuid);
});

test('stamps from before the clock was set are no times', () => {
  assert.equal(ipmiTime(0x1000), undefined);
  assert.equal(ipmiTime(0xffff_ffff), undefined);
  assert.equal(ipmiTime(1_780_000_000), 1_780_000_000_000);
});
