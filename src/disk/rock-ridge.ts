import { ByteWriter } from '../wire/writer.ts';
import { concatBytes } from '../wire/hex.ts';

/** System use entries of SUSP 1.10 and RRIP 1.10: real names and POSIX modes on an ISO 9660 volume. */
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;

const tag = (name: string, length: number) =>
  new ByteWriter(length).bytes(Buffer.from(name, 'latin1')).u8(length).u8(1);

function both32(w: ByteWriter, value: number): ByteWriter {
  return w.u32le(value).u32be(value);
}

/** PX: mode, links, uid 0, gid 0. Config drives hold secrets: readable by root alone, as cloud-init expects. */
function posix(directory: boolean): Uint8Array {
  const w = tag('PX', 36);
  both32(w, directory ? S_IFDIR | 0o555 : S_IFREG | 0o400);
  both32(w, directory ? 2 : 1);
  both32(w, 0);
  return both32(w, 0).finish();
}

/** For the root's "." record: SP says that system use entries exist, ER which extension they are. */
export function rootEntries(): Uint8Array {
  const sp = tag('SP', 7).u8(0xbe).u8(0xef).u8(0).finish();
  const id = Buffer.from('RRIP_1991A', 'latin1');
  const er = tag('ER', 8 + id.length)
    .u8(id.length)
    .u8(0)
    .u8(0)
    .u8(1)
    .bytes(id)
    .finish();
  return concatBytes(sp, posix(true), er);
}

/** For "." and ".." of other directories. */
export function dotEntries(): Uint8Array {
  return posix(true);
}

/** For a named child: mode and NM, the name as UTF-8. */
export function nodeEntries(name: string, directory: boolean): Uint8Array {
  const bytes = Buffer.from(name, 'utf8');
  const nm = tag('NM', 5 + bytes.length)
    .u8(0)
    .bytes(bytes)
    .finish();
  return concatBytes(posix(directory), nm);
}
