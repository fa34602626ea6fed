import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type IsoPatch, overlayPieces, patchOf } from '../../src/disk/iso-overlay.ts';

const BASE = Uint8Array.from({ length: 400 }, (_, i) => i % 251);

/** What a copy of the base holds after the patches were written into it. */
function patched(patches: readonly IsoPatch[]): Uint8Array {
  const copy = Uint8Array.from(BASE);
  for (const { offset, data } of patches) copy.set(data, offset);
  return copy;
}

/** Patches that do not overlap, in any order; they may touch one another and the ends. */
const patches = fc
  .array(fc.tuple(fc.nat(60), fc.uint8Array({ minLength: 1, maxLength: 50 })), { maxLength: 5 })
  .map((gaps) => {
    const out: IsoPatch[] = [];
    let at = 0;
    for (const [gap, data] of gaps) {
      const offset = at + gap;
      if (offset + data.length > BASE.length) break;
      out.push({ offset, data });
      at = offset + data.length;
    }
    return out;
  })
  .chain((list) => fc.shuffledSubarray(list, { minLength: list.length }));

test('any range of the overlay is that range of a patched copy', () => {
  fc.assert(
    fc.property(patches, fc.nat(BASE.length), fc.nat(BASE.length), (list, a, b) => {
      const [start, end] = a < b ? [a, b] : [b, a];
      const pieces = overlayPieces(list, start, end);
      const sent = Buffer.concat(pieces.map((p) => (p.kind === 'data' ? p.data : BASE.subarray(p.start, p.end))));
      assert.deepEqual(sent, Buffer.from(patched(list).subarray(start, end)));
      // No empty pieces, and a range without patches is read from the base in one go.
      assert.ok(pieces.every((p) => (p.kind === 'data' ? p.data.length > 0 : p.start < p.end)));
      assert.ok(pieces.length <= 2 * list.length + 1);
    }),
  );
});

test('a patch has the size of its area, filled up with what its reader passes over', () => {
  const area = { offset: 2048, bytes: 8 };
  assert.deepEqual(patchOf(area, Buffer.from('abc'), 10), {
    offset: 2048,
    data: Uint8Array.from([97, 98, 99, 10, 10, 10, 10, 10]),
  });
  assert.deepEqual(patchOf(area, new Uint8Array(8), 1)?.data, new Uint8Array(8));
  assert.equal(patchOf(area, new Uint8Array(9), 0), undefined);
});
