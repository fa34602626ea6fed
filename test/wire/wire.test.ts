import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { bytesEqual, concatBytes, fromHex, latin1, toHex } from '../../src/wire/hex.ts';
import {
  broadcastOf,
  formatIpv4,
  inSubnet,
  ipv4Bytes,
  ipv4FromBytes,
  parseCidr,
  parseIpv4,
  prefixMask,
} from '../../src/wire/ipv4.ts';
import { macToBytes, macToString, normalizeMac } from '../../src/wire/mac.ts';
import { ByteReader } from '../../src/wire/reader.ts';
import { ByteWriter } from '../../src/wire/writer.ts';

const code = (c: string) => ({ code: c });
const u32 = fc.integer({ min: 0, max: 0xffffffff });

test('reader: numbers in both byte orders', () => {
  const bytes = fromHex('01 0203 0302 060504 01020304 04030201 0000000000000001 0100000000000000');
  const r = new ByteReader(bytes);
  assert.equal(r.u8(), 1);
  assert.equal(r.u16be(), 0x0203);
  assert.equal(r.u16le(), 0x0203);
  assert.equal(r.u24le(), 0x040506);
  assert.equal(r.u32be(), 0x01020304);
  assert.equal(r.u32le(), 0x01020304);
  assert.equal(r.u64be(), 1n);
  assert.equal(r.u64le(), 1n);
  assert.equal(r.remaining, 0);
});

test('reader: short input is a typed error naming offset, wanted and got, and consumes nothing', () => {
  const r = new ByteReader(Uint8Array.of(1, 2, 3));
  r.u8();
  assert.throws(() => r.u32be('lease time'), {
    code: 'WIRE_SHORT',
    message: 'lease time at offset 1 needs 4 bytes, 2 are left',
  });
  assert.equal(r.offset, 1);
  for (const n of [-1, 1.5, Number.NaN, Infinity]) assert.throws(() => r.bytes(n), code('WIRE_SHORT'));
});

test('reader: a sub-reader cannot see past its own length', () => {
  const r = new ByteReader(Uint8Array.of(1, 2, 3, 4));
  const sub = r.sub(2);
  sub.skip(2);
  assert.throws(() => sub.u8(), code('WIRE_SHORT'));
  assert.equal(r.u8(), 3);
});

test('reader: honours the view of a larger buffer and returns copies', () => {
  const whole = Uint8Array.of(9, 1, 2, 9);
  const r = new ByteReader(whole.subarray(1, 3));
  const copy = r.rest();
  whole[1] = 7;
  assert.deepEqual([...copy], [1, 2]);
});

test('writer: what is written is read back', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 255 }),
      u32,
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.uint8Array({ maxLength: 700 }),
      (a, b, c, d) => {
        const w = new ByteWriter(1)
          .u8(a)
          .u32be(b)
          .u32le(b)
          .u16le(b & 0xffff)
          .u24le(b & 0xffffff)
          .u64le(c)
          .u64be(c)
          .bytes(d)
          .fill(2, 0xff);
        const r = new ByteReader(w.finish());
        assert.equal(r.u8(), a);
        assert.equal(r.u32be(), b);
        assert.equal(r.u32le(), b);
        assert.equal(r.u16le(), b & 0xffff);
        assert.equal(r.u24le(), b & 0xffffff);
        assert.equal(r.u64le(), c);
        assert.equal(r.u64be(), c);
        assert.ok(bytesEqual(r.bytes(d.length), d));
        assert.equal(toHex(r.rest()), 'ffff');
      },
    ),
  );
});

test('writer: values that do not fit are refused, not cut', () => {
  const w = new ByteWriter();
  for (const v of [256, -1, 1.5, Number.NaN]) assert.throws(() => w.u8(v), code('WIRE_RANGE'));
  assert.throws(() => w.u16be(0x10000), code('WIRE_RANGE'));
  assert.throws(() => w.u32le(2 ** 32), code('WIRE_RANGE'));
  assert.throws(() => w.u64be(-1n), code('WIRE_RANGE'));
  assert.equal(w.length, 0);
  assert.throws(() => w.patchU8(0, 1), code('WIRE_RANGE'));
});

test('mac addresses', () => {
  assert.equal(normalizeMac('52-54-00-AB-cd-01'), '52:54:00:ab:cd:01');
  for (const bad of ['', '52:54:00:ab:cd', '52:54:00:ab:cd:01:02', '5254.00ab.cd01', 'g2:54:00:ab:cd:01']) {
    assert.throws(() => normalizeMac(bad), code('WIRE_ADDRESS'), bad);
  }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (b) => assert.deepEqual(macToBytes(macToString(b)), b)),
  );
});

test('ipv4 addresses and subnets', () => {
  fc.assert(
    fc.property(u32, fc.integer({ min: 0, max: 32 }), (ip, prefix) => {
      assert.equal(parseIpv4(formatIpv4(ip)), ip);
      assert.equal(ipv4FromBytes(ipv4Bytes(ip)), ip);
      const net = parseCidr(`${formatIpv4(ip)}/${prefix}`);
      assert.equal(net.address, ip);
      assert.ok(inSubnet(ip, net));
      assert.ok(inSubnet(broadcastOf(net), net));
    }),
  );
  assert.equal(formatIpv4(prefixMask(20)), '255.255.240.0');
  assert.equal(formatIpv4(broadcastOf(parseCidr('10.77.3.9/22'))), '10.77.3.255');
  for (const bad of ['1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4.5', ' 1.2.3.4', '1.2.3.-4', '']) {
    assert.throws(() => parseIpv4(bad), code('WIRE_ADDRESS'), bad);
  }
  for (const bad of ['10.0.0.1', '10.0.0.1/33', '10.0.0.1/', '10.0.0.1/24/2', '10.0.0.1/-1']) {
    assert.throws(() => parseCidr(bad), code('WIRE_ADDRESS'), bad);
  }
});

test('hex and latin1 lose nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      assert.deepEqual(fromHex(toHex(a)), a);
      assert.deepEqual(concatBytes(a, b).length, a.length + b.length);
      assert.deepEqual(
        Uint8Array.from(latin1(a), (ch) => ch.charCodeAt(0)),
        a,
      );
    }),
  );
  for (const bad of ['0', 'zz', '0x00']) assert.throws(() => fromHex(bad), code('WIRE_RANGE'));
});
