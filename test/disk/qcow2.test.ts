import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { diskErrors } from '../../src/disk/errors.ts';
import { clusterPlace, isQcow2, parseQcow2Header } from '../../src/disk/qcow2.ts';
import { fromHex } from '../../src/wire/hex.ts';

/** `qemu-img create -f qcow2 x.qcow2 10G` of QEMU 7.2: the first 112 bytes. */
const CAPTURE = fromHex(`
  514649fb 00000003 0000000000000000 00000000 00000010 0000000280000000
  00000000 00000014 0000000000030000 0000000000010000 00000001 00000000
  0000000000000000 0000000000000000 0000000000000000 0000000000000000
  00000004 00000070 0000000000000000`);
const FILE_BYTES = 196_768;
const MAX = 2 ** 40;

function header(change: (view: DataView) => void = () => {}): Uint8Array {
  const head = new Uint8Array(512);
  head.set(CAPTURE);
  change(new DataView(head.buffer));
  return head;
}

describe('qcow2 header', () => {
  it('reads what qemu-img wrote', () => {
    assert.ok(isQcow2(CAPTURE));
    assert.deepEqual(parseQcow2Header(header(), FILE_BYTES, MAX), {
      version: 3,
      clusterBits: 16,
      clusterBytes: 65536,
      diskBytes: 10 * 2 ** 30,
      l1Offset: 0x30000,
      l1Entries: 20,
      compression: 'deflate',
    });
  });

  const lies: [string, RegExp, (v: DataView) => void][] = [
    ['a backing file', /backing file/, (v) => v.setUint32(12, 512)],
    ['a backing file name', /backing file/, (v) => v.setUint32(16, 10)],
    ['encryption', /encrypted/, (v) => v.setUint32(32, 1)],
    ['an external data file', /another file/, (v) => v.setUint32(76, 4)],
    ['the corrupt mark', /corrupt/, (v) => v.setUint32(76, 2)],
    ['extended L2', /extended L2/, (v) => v.setUint32(76, 16)],
    ['unknown features', /unknown features/, (v) => v.setUint32(76, 1 << 7)],
    ['an unknown compression', /compression type is 9/, (v) => (v.setUint32(76, 8), v.setUint8(104, 9))],
    ['version 4', /version 4/, (v) => v.setUint32(4, 4)],
    ['cluster bits of 8', /cluster bits/, (v) => v.setUint32(20, 8)],
    ['cluster bits of 60', /cluster bits/, (v) => v.setUint32(20, 60)],
    ['a size its L1 cannot hold', /its disk size needs 21/, (v) => v.setUint32(28, 0x80000001)],
    ['a size beyond the limit', /the limit is/, (v) => v.setUint32(24, 0x7fffffff)],
    ['size 0', /disk size is 0/, (v) => v.setBigUint64(24, 0n)],
    ['an L1 table beyond the file', /beyond the file/, (v) => v.setUint32(44, 0x40000)],
    ['an L1 table off its cluster', /not on a cluster/, (v) => v.setUint32(44, 0x30200)],
    ['a huge L1 table', /L1 table has/, (v) => v.setUint32(36, 0x7fffffff)],
    ['a header length beyond the head', /header length/, (v) => v.setUint32(100, 4096)],
  ];
  for (const [what, message, change] of lies) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => parseQcow2Header(header(change), FILE_BYTES, MAX),
        (e) => diskErrors.is(e, 'DISK_QCOW2_INVALID') && message.test(e.message),
      );
    });
  }

  it('survives mutations: a typed refusal or a header within its limits', () => {
    const mutation = fc.array(fc.tuple(fc.nat(111), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(mutation, fc.nat(112), (changes, cut) => {
        const head = header();
        for (const [at, value] of changes) head[at] = value;
        try {
          const h = parseQcow2Header(head.subarray(0, cut + 60), FILE_BYTES, MAX);
          assert.ok(h.l1Offset + h.l1Entries * 8 <= FILE_BYTES && h.diskBytes <= MAX);
        } catch (e) {
          assert.ok(diskErrors.is(e, 'DISK_QCOW2_INVALID'), String(e));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('decodes L2 entries and believes no offset beyond the file', () => {
    const h = parseQcow2Header(header(), FILE_BYTES, MAX);
    assert.deepEqual(clusterPlace(h, 0n, 1 << 20), { kind: 'hole' });
    assert.deepEqual(clusterPlace(h, 1n, 1 << 20), { kind: 'zero' });
    assert.deepEqual(clusterPlace(h, 0x8000000000050000n, 1 << 20), { kind: 'data', offset: 0x50000 });
    // Host offset 0x50123 and two additional sectors: 62 - (16 - 8) = bit 54 is where the sector count begins.
    const packed = (1n << 62n) | (2n << 54n) | 0x50123n;
    assert.deepEqual(clusterPlace(h, packed, 1 << 20), { kind: 'compressed', offset: 0x50123, bytes: 3 * 512 - 0x123 });
    for (const entry of [0x8000000000200000n, 0x8000000000050200n, packed | 0xffff0000n]) {
      assert.throws(
        () => clusterPlace(h, entry, 1 << 20),
        (e) => diskErrors.is(e, 'DISK_QCOW2_INVALID'),
      );
    }
  });
});
