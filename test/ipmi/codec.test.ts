import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import test from 'node:test';
import fc from 'fast-check';
import type { BootFlags } from '../../src/ipmi/chassis.ts';
import { encodeDeviceId, getDeviceId } from '../../src/ipmi/commands/app/device-id.ts';
import {
  type AuthCapabilities,
  encodeAuthCapabilities,
  getAuthCapabilities,
} from '../../src/ipmi/commands/session/auth-capabilities.ts';
import { closeSession } from '../../src/ipmi/commands/session/close.ts';
import { decodeBootFlags, encodeBootFlags } from '../../src/ipmi/commands/chassis/boot-flags.ts';
import { encodeBootOption, getBootOption } from '../../src/ipmi/commands/chassis/get-boot-option.ts';
import { chassisControl, decodeChassisControl } from '../../src/ipmi/commands/chassis/control.ts';
import { decryptPayload, encryptPayload, sessionKeys, userKey } from '../../src/ipmi/crypto.ts';
import { ipmiErrors } from '../../src/ipmi/errors.ts';
import {
  checksum,
  decodeLanMessage,
  encodeLanMessage,
  requestMessage,
  responseMessage,
} from '../../src/ipmi/lan-message.ts';
import { decodeDatagram, encodeV20, encodeV20Plain, openV20 } from '../../src/ipmi/packet.ts';
import { encodeV15 } from '../../src/ipmi/packet-v15.ts';
import { encodeAsf } from '../../src/ipmi/rmcp.ts';
import { SequenceWindow, nextSequence } from '../../src/ipmi/sequence.ts';
import { decodeSuiteIds, encodeSuiteRecords, suiteById, suiteByAlgorithms } from '../../src/ipmi/suites.ts';
import { fromHex, toHex, utf8Bytes } from '../../src/wire/hex.ts';
import { ByteReader } from '../../src/wire/reader.ts';

const bytes = (max: number) => fc.uint8Array({ maxLength: max });
const suites = fc.constantFrom(0, 1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17).map((id) => {
  const suite = suiteById(id);
  assert.ok(suite);
  return suite;
});
const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 });

test('ASF presence ping and pong, bytes of the specification', () => {
  assert.equal(toHex(encodeAsf({ kind: 'ping', tag: 5 })), '0600ff06000011be80050000');
  const pong = '0600ff06000011be40050010000011be000000008100000000000000';
  assert.equal(toHex(encodeAsf({ kind: 'pong', tag: 5, ipmi: true })), pong);
  assert.deepEqual(decodeDatagram(fromHex(pong)), { kind: 'asf', message: { kind: 'pong', tag: 5, ipmi: true } });
});

test('Get Channel Authentication Capabilities, bytes as ipmitool sends them', () => {
  const command = getAuthCapabilities(4);
  const message = requestMessage(command.netFn, command.cmd, 0, command.data);
  const packet = encodeV15(encodeLanMessage(message));
  assert.equal(toHex(packet), '0600ff07000000000000000000092018c88100388e04b5');
});

test('LAN messages: round trip, and one flipped bit is noticed', () => {
  fc.assert(
    fc.property(fc.nat(63), fc.nat(255), fc.nat(63), bytes(40), fc.nat(), (netFn, cmd, sequence, data, flip) => {
      const request = requestMessage(netFn & 0x3e, cmd, sequence, data);
      const packet = encodeLanMessage(request);
      assert.equal(checksum(packet.subarray(0, 3)) + checksum(packet.subarray(3)), 0);
      assert.deepEqual(decodeLanMessage(packet), request);
      const at = flip % (packet.length * 8);
      packet[at >> 3] = (packet[at >> 3] ?? 0) ^ (1 << (at & 7));
      assert.throws(() => decodeLanMessage(packet), /checksum/);
    }),
  );
  const response = responseMessage(requestMessage(6, 1, 9, new Uint8Array(0)), 0xc1, Uint8Array.of(7));
  assert.deepEqual(
    { ...response, data: [...response.data] },
    { netFn: 7, cmd: 1, sequence: 9, data: [0xc1, 7], to: 0x81, from: 0x20 },
  );
});

test('session packets: round trip in every suite; any changed byte is refused when signed', () => {
  fc.assert(
    fc.property(
      suites,
      bytes(60),
      sixteen,
      fc.integer({ min: 1, max: 0xffffffff }),
      fc.nat(),
      (suite, payload, iv, id, at) => {
        const keys = sessionKeys(suite, utf8Bytes('session integrity key'), new Uint8Array(0));
        const packet = encodeV20({ payloadType: 0, sessionId: id, sequence: 7, payload }, keys, iv);
        const datagram = decodeDatagram(packet);
        assert.ok(datagram.kind === 'v2.0');
        assert.deepEqual({ id: datagram.sessionId, seq: datagram.sequence }, { id, seq: 7 });
        assert.deepEqual(openV20(datagram, keys), payload);
        if (suite.integrity === 'none') return;
        const where = 4 + (at % (packet.length - 4));
        packet[where] = (packet[where] ?? 0) ^ 0x10;
        assert.throws(() => {
          const changed = decodeDatagram(packet);
          assert.ok(changed.kind === 'v2.0', 'malformed');
          openV20(changed, keys);
        });
      },
    ),
  );
});

test('a plain packet is not taken in a protected session', () => {
  const suite = suiteById(17);
  assert.ok(suite);
  const keys = sessionKeys(suite, new Uint8Array(32), new Uint8Array(0));
  const datagram = decodeDatagram(encodeV20Plain(0, Uint8Array.of(1, 2, 3)));
  assert.ok(datagram.kind === 'v2.0');
  assert.throws(
    () => openV20(datagram, keys),
    (e) => ipmiErrors.is(e, 'IPMI_INTEGRITY'),
  );
});

test('signed length is a multiple of four', () => {
  const suite = suiteById(16);
  assert.ok(suite);
  const keys = sessionKeys(suite, new Uint8Array(32), new Uint8Array(0));
  for (let n = 0; n < 9; n++) {
    const packet = encodeV20(
      { payloadType: 0, sessionId: 1, sequence: 1, payload: new Uint8Array(n) },
      keys,
      new Uint8Array(16),
    );
    assert.equal((packet.length - 4 - 16) % 4, 0);
  }
});

test('AES padding counts up from 1; broken lengths are refused', () => {
  const suite = suiteById(3);
  assert.ok(suite);
  const keys = sessionKeys(suite, new Uint8Array(20), new Uint8Array(0));
  for (let n = 0; n < 40; n++) {
    const sealed = encryptPayload(keys, new Uint8Array(16), new Uint8Array(n).fill(9));
    assert.equal(sealed.length % 16, 0);
    assert.deepEqual(decryptPayload(keys, sealed), new Uint8Array(n).fill(9));
  }
  for (const length of [0, 15, 16, 17, 31, 33]) {
    assert.throws(
      () => decryptPayload(keys, new Uint8Array(length)),
      (e) => ipmiErrors.is(e, 'IPMI_INTEGRITY'),
    );
  }
});

test('K1 and K2 against plain HMAC', () => {
  const suite = suiteById(17);
  assert.ok(suite);
  const sik = Buffer.from('00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff', 'hex');
  const keys = sessionKeys(suite, sik, new Uint8Array(0));
  assert.equal(toHex(keys.k1), createHmac('sha256', sik).update(Buffer.alloc(20, 1)).digest('hex'));
  assert.equal(toHex(keys.k2), createHmac('sha256', sik).update(Buffer.alloc(20, 2)).digest('hex'));
  assert.equal(toHex(userKey(utf8Bytes('secret'))), `736563726574${'00'.repeat(14)}`);
  assert.equal(userKey(utf8Bytes('x'.repeat(25))).length, 20);
});

test('cipher suite records', () => {
  const records = encodeSuiteRecords([3, 17].flatMap((id) => suiteById(id) ?? []));
  assert.equal(toHex(records), 'c003014181c011034481');
  assert.deepEqual(decodeSuiteIds(records), [3, 17]);
  // An OEM record with its enterprise number between.
  assert.deepEqual(decodeSuiteIds(fromHex('c00301 4181 c180 a20200 03 44 81 c011 03 44 81')), [3, 0x80, 17]);
  assert.equal(suiteByAlgorithms({ auth: 3, integrity: 4, confidentiality: 1 })?.id, 17);
  assert.equal(suiteByAlgorithms({ auth: 2, integrity: 3, confidentiality: 1 })?.id, 12);
  assert.equal(suiteByAlgorithms({ auth: 1, integrity: 1, confidentiality: 2 }), undefined, 'xRC4');
  fc.assert(fc.property(bytes(64), (b) => Array.isArray(decodeSuiteIds(b))));
});

const flags: fc.Arbitrary<BootFlags> = fc.record({
  valid: fc.boolean(),
  persistent: fc.boolean(),
  efi: fc.boolean(),
  device: fc.constantFrom('none', 'pxe', 'disk', 'disk-safe-mode', 'diagnostic', 'cdrom', 'bios-setup', 'floppy'),
});

test('boot flags: known bytes and round trip', () => {
  const bytesOf = (f: Partial<BootFlags>) =>
    toHex(encodeBootFlags({ valid: true, persistent: false, efi: false, device: 'pxe', ...f }));
  assert.equal(bytesOf({}), '8004000000');
  assert.equal(bytesOf({ efi: true }), 'a004000000');
  assert.equal(bytesOf({ efi: true, persistent: true, device: 'disk' }), 'e008000000');
  assert.equal(bytesOf({ device: 'cdrom' }), '8014000000');
  assert.equal(bytesOf({ device: 'bios-setup' }), '8018000000');
  const disk: BootFlags = { valid: true, persistent: true, efi: true, device: 'disk' };
  assert.equal(toHex(encodeBootFlags(disk, 0x24)), 'e024000000', 'a selector of its own for boards that want it');
  fc.assert(fc.property(flags, (f) => assert.deepEqual(decodeBootFlags(encodeBootFlags(f)), { ...f })));
  assert.equal(decodeBootFlags(fromHex('a0 24 00 00 00')).device, 'disk', 'remote disk is a disk');
  assert.equal(decodeBootFlags(fromHex('80 34 00 00 00')).device, 'none');
});

test('command payloads, both directions', () => {
  const id = {
    deviceId: 32,
    deviceRevision: 1,
    firmwareVersion: '2.48',
    updating: true,
    ipmiVersion: '2.0',
    support: 0x80,
    manufacturerId: 674,
    productId: 256,
  };
  assert.equal(toHex(encodeDeviceId(id)), '200182480280a20200000100000000');
  assert.deepEqual(getDeviceId().parse(new ByteReader(encodeDeviceId(id))), id);
  for (const action of [
    'power-down',
    'power-up',
    'power-cycle',
    'hard-reset',
    'diagnostic-interrupt',
    'soft-shutdown',
  ] as const) {
    assert.equal(decodeChassisControl(chassisControl(action).data), action);
  }
  assert.equal(decodeChassisControl(Uint8Array.of(9)), undefined);
  assert.deepEqual(
    ['power-down', 'power-cycle', 'hard-reset'].map((a) => chassisControl(a as 'power-down').idempotent),
    [true, false, false],
  );
  const option = { parameter: 5, invalid: true, data: Uint8Array.of(1, 2, 3) };
  assert.deepEqual(getBootOption(5).parse(new ByteReader(encodeBootOption(option))), option);
  const old: AuthCapabilities = {
    channel: 1,
    v2: false,
    v15: true,
    types: ['none', 'md2', 'md5', 'password'],
    kgSet: true,
    perMessageAuth: false,
  };
  for (const capabilities of [old, { ...old, v2: true, types: [], kgSet: false, perMessageAuth: true }]) {
    const encoded = encodeAuthCapabilities(capabilities, true);
    assert.deepEqual(getAuthCapabilities(4).parse(new ByteReader(encoded)), capabilities);
    // Without the fields of 2.0 every BMC looks like an old one.
    const plain = getAuthCapabilities(4).parse(new ByteReader(encodeAuthCapabilities(capabilities, false)));
    assert.deepEqual([plain.v2, plain.v15], [false, true]);
  }
  assert.equal(toHex(closeSession(0x01020304).data), '04030201');
});

test('ipmi 3: sequence window: each number once, some order and gaps forgiven', () => {
  const window = new SequenceWindow();
  assert.deepEqual(
    [0, 1, 1, 3, 2, 2, 35, 4, 3, 100, 36].map((n) => window.accept(n)),
    [false, true, false, true, true, false, true, true, false, false, true],
  );
  assert.equal(nextSequence(0), 1);
  assert.equal(nextSequence(0xffffffff), 1);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 80 }), (numbers) => {
      const w = new SequenceWindow();
      const taken = numbers.filter((n) => w.accept(n));
      assert.equal(new Set(taken).size, taken.length);
    }),
  );
});

test('ipmi 3: sequence window across the wrap of 32 bits', () => {
  let n = 0xfffffff0;
  const window = new SequenceWindow({ from: n });
  assert.equal(window.accept(n - 1), false, 'what came before the first number is not taken');
  const taken: number[] = [];
  for (let i = 0; i < 40; i++) {
    if (window.accept(n)) taken.push(n);
    n = nextSequence(n);
  }
  assert.equal(new Set(taken).size, taken.length);
  assert.equal(taken.length, 40);
  assert.ok(taken.includes(1) && taken.includes(20) && !taken.includes(0));
});
