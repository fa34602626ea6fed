/** Writer of cpio archives in the "newc" format (kernel: Documentation/driver-api/early-userspace/buffer-format). */

export type CpioEntry =
  | { path: string; kind: 'dir'; mode?: number }
  | { path: string; kind: 'file'; mode?: number; data: Uint8Array }
  | { path: string; kind: 'link'; target: string }
  | { path: string; kind: 'char'; mode?: number; major: number; minor: number };

const TYPE_BITS = { dir: 0o040000, file: 0o100000, link: 0o120000, char: 0o020000 };

/**
 * Packs entries, sorted by path, with time 0 and owner root: the same entries always give the same bytes. Missing parent
 * folders are added with mode 0755.
 */
export function packCpio(entries: readonly CpioEntry[]): Uint8Array {
  const all = withParents(entries).sort((a, b) => (a.path < b.path ? -1 : 1));
  const parts: Uint8Array[] = [];
  all.forEach((entry, index) => parts.push(...pack(entry, index + 1)));
  parts.push(...pack({ path: 'TRAILER!!!', kind: 'file', data: new Uint8Array(0), mode: 0 }, 0));
  return Buffer.concat(parts);
}

function withParents(entries: readonly CpioEntry[]): CpioEntry[] {
  const known = new Map<string, CpioEntry>();
  for (const entry of entries) {
    const segments = entry.path.split('/');
    for (let n = 1; n < segments.length; n++) {
      const path = segments.slice(0, n).join('/');
      if (!known.has(path)) known.set(path, { path, kind: 'dir' });
    }
    known.set(entry.path, entry);
  }
  return [...known.values()];
}

function pack(entry: CpioEntry, inode: number): Uint8Array[] {
  const data = body(entry);
  const name = Buffer.from(`${entry.path}\0`, 'utf8');
  const isTrailer = inode === 0;
  const device = entry.kind === 'char' ? entry : { major: 0, minor: 0 };
  const fields = [
    inode,
    isTrailer ? 0 : TYPE_BITS[entry.kind] | permissions(entry),
    0, // uid
    0, // gid
    entry.kind === 'dir' ? 2 : 1, // links
    0, // time
    data.length,
    0, // device of the archive
    0,
    device.major,
    device.minor,
    name.length,
    0, // checksum, unused in 070701
  ];
  const header = Buffer.from(`070701${fields.map((f) => f.toString(16).padStart(8, '0')).join('')}`, 'ascii');
  return [header, name, padding(header.length + name.length), data, padding(data.length)];
}

function permissions(entry: CpioEntry): number {
  switch (entry.kind) {
    case 'dir':
      return entry.mode ?? 0o755;
    case 'file':
      return entry.mode ?? 0o644;
    case 'link':
      return 0o777;
    case 'char':
      return entry.mode ?? 0o600;
  }
}

function body(entry: CpioEntry): Uint8Array {
  if (entry.kind === 'file') return entry.data;
  if (entry.kind === 'link') return Buffer.from(entry.target, 'utf8');
  return new Uint8Array(0);
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
