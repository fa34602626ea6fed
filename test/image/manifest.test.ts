import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { imageErrors } from '../../src/image/errors.ts';
import { FRAME_BYTES, type Frame } from '../../src/image/manifest-types.ts';
import { parseManifest, sealManifest, summarize } from '../../src/image/manifest.ts';

const hash = (...parts: (Buffer | Uint8Array)[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
const data = (n: number): Frame => ({
  kind: 'data',
  sha256: hash(Buffer.from([n])).toString('hex'),
  zstdBytes: 100 + n,
});

describe('manifest digest', () => {
  it('is the Merkle root over header and frames, worked out by hand', () => {
    const frames: Frame[] = [data(1), { kind: 'zero' }, { kind: 'hole' }];
    const leaves = [
      hash(Buffer.from([0, 0]), hash(Buffer.from([1]))),
      hash(Buffer.from([0, 1])),
      hash(Buffer.from([0, 2])),
    ];
    const left = hash(Buffer.from([1]), leaves[0]!, leaves[1]!);
    const tree = hash(Buffer.from([1]), left, leaves[2]!);
    const header = hash(Buffer.from('02_00000001_0000000000800200_00400000_00000003'.replaceAll('_', ''), 'hex'));
    const root = hash(Buffer.from([3]), header, tree);
    assert.equal(sealManifest(2 * FRAME_BYTES + 512, frames).digest, `sha256:${root.toString('hex')}`);
  });

  it('does not depend on how frames are compressed, but on everything else', () => {
    const base = sealManifest(2 * FRAME_BYTES, [data(1), data(2)]);
    const recompressed: Frame = { ...data(1), kind: 'data', zstdBytes: 7 } as Frame;
    assert.equal(sealManifest(2 * FRAME_BYTES, [recompressed, data(2)]).digest, base.digest);
    const others = [
      sealManifest(2 * FRAME_BYTES, [data(2), data(1)]),
      sealManifest(2 * FRAME_BYTES, [data(1), { kind: 'zero' }]),
      sealManifest(2 * FRAME_BYTES - 512, [data(1), data(2)]),
    ];
    for (const other of others) assert.notEqual(other.digest, base.digest);
  });
});

describe('reading a manifest', () => {
  const good = sealManifest(FRAME_BYTES + 512, [data(1), data(2)]);
  const json = () =>
    JSON.parse(JSON.stringify(good)) as Record<string, unknown> & { frames: Record<string, unknown>[] };

  it('gives back what was sealed', () => {
    assert.deepEqual(parseManifest(json(), good.digest), good);
    assert.equal(summarize(good).dataBytes, FRAME_BYTES + 512);
  });

  const lies: [string, (m: ReturnType<typeof json>) => void][] = [
    ['another version', (m) => (m['version'] = 2)],
    ['other frame sizes', (m) => (m['frameBytes'] = 1 << 30)],
    ['a size that is no whole sector', (m) => (m['diskBytes'] = FRAME_BYTES + 513)],
    ['a negative size', (m) => (m['diskBytes'] = -512)],
    ['a size beyond any disk', (m) => (m['diskBytes'] = 2 ** 60)],
    ['a frame too few', (m) => m.frames.pop()],
    ['an unknown kind', (m) => (m.frames[0]!['kind'] = 'magic')],
    ['a frame that would not fit', (m) => (m.frames[1]!['zstdBytes'] = 4096)],
    ['an empty frame', (m) => (m.frames[1]!['zstdBytes'] = 0)],
    ['no hash', (m) => delete m.frames[1]!['sha256']],
    ['another hash', (m) => (m.frames[1]!['sha256'] = '0'.repeat(64))],
    ['another digest', (m) => (m['digest'] = `sha256:${'0'.repeat(64)}`)],
  ];
  for (const [what, change] of lies) {
    it(`refuses ${what}`, () => {
      const m = json();
      change(m);
      assert.throws(
        () => parseManifest(m, good.digest),
        (e) => imageErrors.is(e, 'IMAGE_MANIFEST_INVALID'),
      );
    });
  }

  it('refuses a good manifest of another image', () => {
    const other = sealManifest(FRAME_BYTES + 512, [data(1), data(3)]);
    assert.throws(() => parseManifest(other, good.digest), /expected was/);
  });

  it('throws nothing but its own error on any JSON', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          fc.record({
            version: fc.constant(1),
            frameBytes: fc.constant(FRAME_BYTES),
            diskBytes: fc.integer(),
            frames: fc.array(fc.jsonValue()),
          }),
        ),
        (value) => {
          assert.throws(
            () => parseManifest(value),
            (e) => imageErrors.is(e, 'IMAGE_MANIFEST_INVALID'),
          );
        },
      ),
    );
  });
});
