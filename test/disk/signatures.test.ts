import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findHeadSignatures, findTailSignatures } from '../../src/disk/signatures.ts';
import { capturedDisk } from './tables.ts';

const kinds = (bytes: Uint8Array) => findHeadSignatures(bytes).map((s) => s.kind);

describe('signatures', () => {
  it('sees a GPT disk at both ends', () => {
    const disk = capturedDisk('gpt');
    assert.deepEqual(findHeadSignatures(disk.subarray(0, 1 << 20)), [
      { kind: 'mbr', offset: 510 },
      { kind: 'gpt', offset: 512 },
    ]);
    assert.deepEqual(findTailSignatures(disk.subarray(disk.length - (1 << 20)), disk.length), [
      { kind: 'gpt-backup', offset: disk.length - 512 },
    ]);
  });

  it('sees file systems, volumes and RAID members', () => {
    const put = (at: number, text: string) => {
      const out = new Uint8Array(1 << 17);
      out.set(Buffer.from(text, 'latin1'), at);
      return out;
    };
    assert.deepEqual(kinds(put(0, 'XFSB')), ['xfs']);
    assert.deepEqual(kinds(put(65600, '_BHRfS_M')), ['btrfs']);
    assert.deepEqual(kinds(put(512, 'LABELONE')), ['lvm2']);
    assert.deepEqual(kinds(put(0, 'LUKS\xba\xbe')), ['luks']);
    assert.deepEqual(kinds(put(32769, 'CD001')), ['iso9660']);
    assert.deepEqual(kinds(put(4086, 'SWAPSPACE2')), ['swap']);
    assert.deepEqual(kinds(put(4096, '\xfc\x4e\x2b\xa9')), ['md-1.2']);
    const ext = put(1080, '\x53\xef');
    ext[1024 + 24] = 2;
    ext[1024 + 58] = 1;
    assert.deepEqual(kinds(ext), ['ext']);
  });

  it('sees md metadata near the end', () => {
    const diskBytes = (64 << 20) + 4096 * 3;
    const tail = new Uint8Array(1 << 20);
    const at = Math.floor((diskBytes - 8192) / 4096) * 4096;
    tail.set([0xfc, 0x4e, 0x2b, 0xa9], tail.length - (diskBytes - at));
    assert.deepEqual(findTailSignatures(tail, diskBytes), [{ kind: 'md-1.0', offset: at }]);
  });

  it('sees nothing on a wiped disk and never throws', () => {
    assert.deepEqual(kinds(new Uint8Array(1 << 20)), []);
    assert.deepEqual(findTailSignatures(new Uint8Array(1 << 20), 1 << 30), []);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (b) => {
        findHeadSignatures(b);
        findTailSignatures(b, 1 << 30);
      }),
    );
  });
});
