import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { IngotError } from '../../src/core/errors.ts';
import { bytesFile, folderSource, netasciiFile } from '../../src/tftp/file.ts';
import { negotiate } from '../../src/tftp/negotiate.ts';
import { decodePacket, encodePacket } from '../../src/tftp/packet.ts';
import { cleanPath } from '../../src/tftp/path.ts';
import { fromHex, utf8Bytes } from '../../src/wire/hex.ts';
import { capture, captures } from '../support/captures.ts';

describe('packets', () => {
  it('of real clients are understood', () => {
    assert.deepEqual(decodePacket(capture('tftp', 'OVMF')), {
      kind: 'rrq',
      path: 'snponly.efi',
      mode: 'octet',
      options: new Map([
        ['tsize', '0'],
        ['blksize', '1468'],
        ['windowsize', '4'],
      ]),
    });
    assert.deepEqual(decodePacket(capture('tftp', 'iPXE in BIOS')), {
      kind: 'rrq',
      path: 'boot.ipxe',
      mode: 'octet',
      options: new Map([
        ['blksize', '1432'],
        ['tsize', '0'],
      ]),
    });
  });

  it('go out as they came in', () => {
    for (const { bytes, sender } of captures('tftp'))
      assert.deepEqual(encodePacket(decodePacket(bytes)), bytes, sender);
  });

  const broken = ['', '00', '0001', '00016100', '0001006f6374657400', '0004', '000400', '0003', '0009', 'ffff'];
  for (const hex of broken) {
    it(`are refused: ${hex || 'nothing'}`, () => assert.throws(() => decodePacket(fromHex(hex)), IngotError));
  }

  it('may lack the last NUL or have rubbish behind it', () => {
    const rrq = Buffer.from('\0\x01a\0octet\0blksize\x001024\0', 'latin1');
    const packet = decodePacket(Buffer.concat([rrq, Buffer.from('zzz')]));
    assert.ok(packet.kind === 'rrq');
    assert.deepEqual([...packet.options], [['blksize', '1024']]);
  });
});

describe('options', () => {
  const agreed = (asked: Record<string, string>, limits?: Parameters<typeof negotiate>[2]) => {
    const terms = negotiate(new Map(Object.entries(asked)), 5000, limits);
    return [terms.blockSize, terms.windowSize, terms.timeoutMs, Object.fromEntries(terms.confirmed)];
  };

  it('are confirmed as far as they can be kept', () => {
    assert.deepEqual(agreed({}), [512, 1, undefined, {}]);
    assert.deepEqual(agreed({ tsize: '0', blksize: '1468', windowsize: '4', timeout: '3' }), [
      1468,
      4,
      3000,
      { tsize: '5000', blksize: '1468', windowsize: '4', timeout: '3' },
    ]);
    assert.deepEqual(agreed({ blksize: '65464', windowsize: '9999' }), [
      1468,
      64,
      undefined,
      { blksize: '1468', windowsize: '64' },
    ]);
  });

  it('are left out when they are nonsense', () => {
    const nonsense = { blksize: '7', windowsize: '0', timeout: '256', tsize: '-1', multicast: '' };
    assert.deepEqual(agreed(nonsense), [512, 1, undefined, {}]);
    assert.deepEqual(agreed({ blksize: '1e3', windowsize: '٤' }), [512, 1, undefined, {}]);
  });

  it('never keep more than the limit in flight', () => {
    const limits = { maxBlockSize: 65464, maxWindowSize: 65535, maxWindowBytes: 100_000 };
    assert.deepEqual(agreed({ blksize: '65464', windowsize: '64' }, limits).slice(0, 2), [65464, 1]);
    assert.deepEqual(agreed({ blksize: '1000', windowsize: '500' }, limits).slice(0, 2), [1000, 100]);
  });
});

describe('paths', () => {
  it('are cleaned of what firmware adds', () => {
    assert.equal(cleanPath('/boot//x.efi'), 'boot/x.efi');
    assert.equal(cleanPath('\\EFI\\.\\BOOT\\x.efi\u00ff\u00ff'), 'EFI/BOOT/x.efi');
  });

  for (const bad of ['', '/', '..', 'a/../b', '..\\secret', 'a\nb', 'a\u0007', './.']) {
    it(`are refused: ${JSON.stringify(bad)}`, () => assert.throws(() => cleanPath(bad), { code: 'TFTP_PATH' }));
  }
});

describe('files', () => {
  it('of a folder are read, what links lead out of it is not', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'ingot-tftp-unit-'));
    try {
      await mkdir(join(dir, 'root/sub'), { recursive: true });
      await writeFile(join(dir, 'root/sub/file'), 'hello');
      await writeFile(join(dir, 'secret'), 'no');
      await symlink('../secret', join(dir, 'root/out'));
      await symlink('sub/file', join(dir, 'root/in'));
      const source = folderSource(join(dir, 'root'));
      const client = { address: '', port: 0 };
      for (const name of ['sub/file', 'in']) {
        const file = await source(name, client);
        assert.ok(file !== undefined);
        assert.equal(Buffer.from(await file.read(1, 3)).toString(), 'ell');
        await file.close?.();
      }
      for (const name of ['out', 'sub', 'none', 'sub/file/x'])
        assert.equal(await source(name, client), undefined, name);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('change their line ends in netascii', async () => {
    const file = await netasciiFile(bytesFile(utf8Bytes('a\nb\r\nc\r')));
    assert.equal(Buffer.from(await file.read(0, file.size)).toString(), 'a\r\nb\r\0\r\nc\r\0');
  });
});
