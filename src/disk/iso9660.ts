import {
  dirRecord,
  type Extent,
  ISO_SECTOR,
  packRecords,
  pathRecord,
  terminator,
  ucs2be,
  volumeDescriptor,
} from './iso-records.ts';
import { buildIsoTree, type IsoDir, type IsoNode, type IsoTree } from './iso-tree.ts';
import { concatBytes } from '../wire/hex.ts';
import { dotEntries, nodeEntries, rootEntries } from './rock-ridge.ts';

const sectorsOf = (bytes: number) => Math.ceil(bytes / ISO_SECTOR);

/** System area, then PVD, SVD and terminator. */
const FIRST_FREE = 19;

/** The two faces of one volume: plain names with Rock Ridge entries, and Joliet. */
type Face = 'iso' | 'joliet';

/**
 * Builds an ISO 9660 volume with Joliet and Rock Ridge names. Equal files share one extent. The bytes depend on nothing
 * but the arguments.
 * @param files path without leading slash → content
 * @param label volume label, at most 16 characters (Joliet's limit)
 * @param atMs stamp of everything on the volume, ms since the epoch
 * @throws DISK_CONFIG_DRIVE_NAME
 */
export function buildIso(files: ReadonlyMap<string, Uint8Array>, label: string, atMs: number): Uint8Array {
  const tree = buildIsoTree(files);
  const layout = arrange(tree);
  const out = new Uint8Array(layout.sectors * ISO_SECTOR);
  const put = (sector: number, bytes: Uint8Array) => out.set(bytes, sector * ISO_SECTOR);
  for (const [index, face] of (['iso', 'joliet'] as const).entries()) {
    const dirs = layout.dirs[face];
    const le = pathTable(tree, dirs, face, 'le');
    put(layout.tables[face].le, le);
    put(layout.tables[face].be, pathTable(tree, dirs, face, 'be'));
    for (const dir of tree.dirs) put(at(dirs, dir).sector, directory(dir, dirs, layout.contents, face, atMs));
    const root = at(dirs, tree.root);
    const facts = {
      label,
      sectors: layout.sectors,
      root,
      atMs,
      pathTable: { bytes: le.length, ...layout.tables[face] },
    };
    put(16 + index, volumeDescriptor(facts, face === 'joliet'));
  }
  put(18, terminator());
  tree.contents.forEach((bytes, i) => put(layout.contents[i]?.sector ?? 0, bytes));
  return out;
}

interface Layout {
  sectors: number;
  dirs: Record<Face, Map<IsoDir, Extent>>;
  tables: Record<Face, { le: number; be: number }>;
  contents: Extent[];
}

/** Gives everything its place, in order: path tables, directories, files. */
function arrange(tree: IsoTree): Layout {
  let next = FIRST_FREE;
  const take = (bytes: number): Extent => {
    const extent = { sector: next, bytes };
    next += sectorsOf(bytes);
    return extent;
  };
  const none = new Map<IsoDir, Extent>();
  const tableFor = (face: Face) => {
    const bytes = pathTable(tree, none, face, 'le').length;
    return { le: take(bytes).sector, be: take(bytes).sector };
  };
  const dirsFor = (face: Face) =>
    new Map(tree.dirs.map((d) => [d, take(directory(d, none, [], face, 0).length)] as const));
  const tables = { iso: tableFor('iso'), joliet: tableFor('joliet') };
  const dirs = { iso: dirsFor('iso'), joliet: dirsFor('joliet') };
  const contents = tree.contents.map((c) => take(c.length));
  return { sectors: next, dirs, tables, contents };
}

const NOWHERE: Extent = { sector: 0, bytes: 0 };

/** While sizes are being found out no place is known yet; the size of a record does not depend on it. */
function at(dirs: ReadonlyMap<IsoDir, Extent>, dir: IsoDir): Extent {
  return dirs.get(dir) ?? NOWHERE;
}

function nameBytes(node: IsoNode, face: Face): Uint8Array {
  if (face === 'iso') return Buffer.from(node.isoName, 'latin1');
  return ucs2be(node.kind === 'file' ? `${node.name};1` : node.name);
}

/** Children in the order the face's names sort. */
function sorted(dir: IsoDir, face: Face): IsoNode[] {
  if (face === 'iso') return dir.children;
  return dir.children.toSorted((a, b) => Buffer.compare(nameBytes(a, face), nameBytes(b, face)));
}

function directory(
  dir: IsoDir,
  dirs: ReadonlyMap<IsoDir, Extent>,
  contents: readonly Extent[],
  face: Face,
  atMs: number,
): Uint8Array {
  const rr = (entries: () => Uint8Array) => (face === 'iso' ? { systemUse: entries() } : {});
  const dot = dir.parent === undefined ? rootEntries : dotEntries;
  const records = [
    dirRecord(Uint8Array.of(0), at(dirs, dir), { directory: true, atMs, ...rr(dot) }),
    dirRecord(Uint8Array.of(1), at(dirs, dir.parent ?? dir), { directory: true, atMs, ...rr(dotEntries) }),
  ];
  for (const node of sorted(dir, face)) {
    const isDir = node.kind === 'dir';
    const extent = isDir ? at(dirs, node) : (contents[node.content] ?? NOWHERE);
    const use = rr(() => nodeEntries(node.name, isDir));
    records.push(dirRecord(nameBytes(node, face), extent, { directory: isDir, atMs, ...use }));
  }
  return packRecords(records);
}

/** Directories by level, then parent, then name (§6.9.1); parents are numbered from 1. */
function pathTable(tree: IsoTree, dirs: ReadonlyMap<IsoDir, Extent>, face: Face, endian: 'le' | 'be'): Uint8Array {
  const order = byLevel(tree.root, face);
  const number = new Map(order.map((d, i) => [d, i + 1] as const));
  const records = order.map((dir) => {
    const name = dir.parent === undefined ? Uint8Array.of(0) : nameBytes(dir, face);
    return pathRecord(name, at(dirs, dir).sector, number.get(dir.parent ?? dir) ?? 1, endian);
  });
  return concatBytes(...records);
}

function byLevel(root: IsoDir, face: Face): IsoDir[] {
  const out: IsoDir[] = [root];
  for (const dir of out) out.push(...sorted(dir, face).filter((c) => c.kind === 'dir'));
  return out;
}
