import assert from 'node:assert/strict';

/** A second, dumb ISO 9660 reader, written from the standard: knows nothing of our writer. */
export function readIso(
  iso: Uint8Array,
  face: 'rock-ridge' | 'joliet',
): { label: string; files: Map<string, Uint8Array> } {
  const buf = Buffer.from(iso.buffer, iso.byteOffset, iso.length);
  const descriptor = (face === 'joliet' ? 17 : 16) * 2048;
  assert.equal(buf.toString('latin1', descriptor + 1, descriptor + 6), 'CD001');
  assert.equal(buf[descriptor], face === 'joliet' ? 2 : 1);
  const utf16 = (at: number, n: number) =>
    Buffer.from(buf.subarray(at, at + n))
      .swap16()
      .toString('utf16le');
  const label = (
    face === 'joliet' ? utf16(descriptor + 40, 32) : buf.toString('latin1', descriptor + 40, descriptor + 72)
  ).trimEnd();
  assert.equal(buf.readUInt32LE(descriptor + 80) * 2048, iso.length);
  const files = new Map<string, Uint8Array>();

  const walk = (sector: number, bytes: number, path: string) => {
    assert.equal(bytes % 2048, 0);
    let count = 0;
    for (let at = sector * 2048; at < sector * 2048 + bytes;) {
      const length = buf[at] ?? 0;
      if (length === 0) {
        at = (Math.floor(at / 2048) + 1) * 2048;
        continue;
      }
      assert.ok(Math.floor(at / 2048) === Math.floor((at + length - 1) / 2048), 'a record crosses a sector');
      const extent = buf.readUInt32LE(at + 2);
      assert.equal(buf.readUInt32BE(at + 6), extent);
      const size = buf.readUInt32LE(at + 10);
      const isDir = ((buf[at + 25] ?? 0) & 2) !== 0;
      const nameBytes = buf[at + 32] ?? 0;
      if (count++ >= 2) {
        const use = at + 33 + nameBytes + (nameBytes % 2 === 0 ? 1 : 0);
        const name =
          face === 'joliet' ? utf16(at + 33, nameBytes).replace(/;1$/, '') : rockRidgeName(buf, use, at + length);
        if (isDir) walk(extent, size, `${path}${name}/`);
        else files.set(path + name, new Uint8Array(buf.subarray(extent * 2048, extent * 2048 + size)));
      }
      at += length;
    }
  };
  const root = descriptor + 156;
  walk(buf.readUInt32LE(root + 2), buf.readUInt32LE(root + 10), '');
  return { label, files };
}

function rockRidgeName(buf: Buffer, from: number, to: number): string {
  let name = '';
  for (let at = from; at + 4 <= to && (buf[at + 2] ?? 0) >= 4; at += buf[at + 2] ?? 4) {
    if (buf.toString('latin1', at, at + 2) === 'NM') name += buf.toString('utf8', at + 5, at + (buf[at + 2] ?? 0));
  }
  return name;
}
