import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findInSums, parseChecksum } from '../../src/image/checksum.ts';
import { imageErrors } from '../../src/image/errors.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const B512 = 'c'.repeat(128);
const sums = (text: string, name = 'os.qcow2', type?: string) => findInSums(text, name, type, 'http://x/SUMS').hex;

describe('spec.image.checksum', () => {
  it('goes by length, or by the type given', () => {
    for (const [length, algorithm] of [
      [32, 'md5'],
      [64, 'sha256'],
      [128, 'sha512'],
    ] as const) {
      for (const type of [undefined, '', 'auto', algorithm]) {
        const spec = parseChecksum('AB'.repeat(length / 2), type);
        assert.deepEqual(spec, { kind: 'digest', checksum: { algorithm, hex: 'ab'.repeat(length / 2) } });
      }
    }
    assert.deepEqual(parseChecksum('https://x/S', 'sha256'), { kind: 'sums-url', url: 'https://x/S' });
  });

  it('is refused when it is none of these', () => {
    for (const text of ['xyz', 'g'.repeat(64), 'a'.repeat(40), 'ftp://x/y']) {
      assert.throws(
        () => parseChecksum(text, undefined),
        (e) => imageErrors.is(e, 'IMAGE_CHECKSUM_INVALID'),
        text,
      );
    }
    assert.throws(() => parseChecksum(A, 'sha512'), /checksumType is sha512/);
    assert.throws(
      () => parseChecksum(' ', 'auto'),
      (e) => imageErrors.is(e, 'IMAGE_NO_CHECKSUM'),
    );
  });
});

describe('sums files', () => {
  it('of all three forms', () => {
    assert.equal(sums(`${A}\n`), A);
    assert.equal(sums(`# a comment\n\n${A}`), A);
    assert.equal(sums(`${A}  other.qcow2\n${B}  os.qcow2\n`), B);
    assert.equal(sums(`${A} *other.qcow2\r\n${B} *./images/os.qcow2\r\n`), B);
    assert.equal(sums(`SHA256 (other) = ${A}\nSHA256 (os.qcow2) = ${B}\n`), B);
  });

  it('listing one image several times: the type wanted, else the strongest', () => {
    const text = `MD5 (os.qcow2) = ${'d'.repeat(32)}\nSHA256 (os.qcow2) = ${B}\nSHA512 (os.qcow2) = ${B512}\n`;
    assert.equal(sums(text), B512);
    assert.equal(sums(text, 'os.qcow2', 'sha256'), B);
  });

  it('that do not name the image', () => {
    for (const text of ['', `${A}  xos.qcow2`, `${A}  os.qcow2.sig`, `${A}\n${B}`, '<html>not found</html>']) {
      assert.throws(
        () => sums(text),
        (e) => imageErrors.is(e, 'IMAGE_CHECKSUM_INVALID') && /os\.qcow2/.test(e.message),
        text,
      );
    }
  });
});
