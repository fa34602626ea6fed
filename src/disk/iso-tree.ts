import { bytesEqual } from '../wire/hex.ts';
import { diskErrors } from './errors.ts';

/** A directory of the volume being built. Children are in the order of their ISO names (ECMA-119 §9.3). */
export interface IsoDir {
  kind: 'dir';
  name: string;
  isoName: string;
  parent: IsoDir | undefined;
  children: IsoNode[];
}

export interface IsoFile {
  kind: 'file';
  name: string;
  isoName: string;
  /** Index into `IsoTree.contents`. */
  content: number;
}

export type IsoNode = IsoDir | IsoFile;

export interface IsoTree {
  root: IsoDir;
  /** All directories, parents before children, level by level: the order of the path table (§6.9.1). */
  dirs: IsoDir[];
  /** Distinct file contents: equal files share one extent. */
  contents: Uint8Array[];
}

/** Interchange level 2: 31 characters with the dot and without the version (§10.2). */
const ISO_NAME_MAX = 30;
/** Joliet allows 64 UCS-2 characters. */
const NAME_MAX = 64;
/** These and control characters may not be in a Joliet name (asterisk, slash, colon, semicolon, question mark, backslash). */
const FORBIDDEN = new Set('*/:;?\\');
const forbidden = (name: string) => [...name].some((c) => FORBIDDEN.has(c) || c < ' ');

/**
 * Arranges `path → content` as a tree.
 * @throws DISK_CONFIG_DRIVE_NAME for empty, too long or forbidden names, or a file where a directory is needed
 */
export function buildIsoTree(files: ReadonlyMap<string, Uint8Array>): IsoTree {
  const root: IsoDir = { kind: 'dir', name: '', isoName: '', parent: undefined, children: [] };
  const contents: Uint8Array[] = [];
  for (const [path, bytes] of files) {
    const parts = path.split('/');
    const name = parts.pop() ?? '';
    const dir = parts.reduce((at, part) => childDir(at, part, path), root);
    checkName(name, path);
    if (dir.children.some((c) => c.name === name)) badName(`"${path}" is there twice`);
    dir.children.push({ kind: 'file', name, isoName: '', content: share(contents, bytes) });
  }
  const dirs = levels(root);
  for (const dir of dirs) nameChildren(dir);
  return { root, dirs: levels(root), contents };
}

function badName(message: string): never {
  throw diskErrors.make('DISK_CONFIG_DRIVE_NAME', message);
}

function checkName(name: string, path: string): void {
  if (name === '' || name === '.' || name === '..' || name.length > NAME_MAX || forbidden(name)) {
    badName(`"${path}" is not a name an ISO 9660 volume can carry`);
  }
}

function childDir(at: IsoDir, name: string, path: string): IsoDir {
  checkName(name, path);
  const old = at.children.find((c) => c.name === name);
  if (old?.kind === 'dir') return old;
  if (old !== undefined) badName(`"${path}": ${name} is a file`);
  const dir: IsoDir = { kind: 'dir', name, isoName: '', parent: at, children: [] };
  at.children.push(dir);
  return dir;
}

function share(contents: Uint8Array[], bytes: Uint8Array): number {
  const old = contents.findIndex((c) => bytesEqual(c, bytes));
  return old >= 0 ? old : contents.push(bytes) - 1;
}

function levels(root: IsoDir): IsoDir[] {
  const out: IsoDir[] = [root];
  for (const dir of out) out.push(...dir.children.filter((c) => c.kind === 'dir'));
  return out;
}

/** Gives each child a name of d-characters, unique in its directory, and sorts by it. */
function nameChildren(dir: IsoDir): void {
  const used = new Set<string>();
  for (const child of dir.children) {
    const wanted = dCharacters(child.name);
    let name = wanted.slice(0, ISO_NAME_MAX);
    for (let n = 1; used.has(name); n++) name = `${wanted.slice(0, ISO_NAME_MAX - 4)}${String(n).padStart(4, '0')}`;
    used.add(name);
    child.isoName = child.kind === 'file' ? `${name.includes('.') ? name : `${name}.`};1` : name;
  }
  dir.children.sort((a, b) => (a.isoName < b.isoName ? -1 : 1));
}

/** A-Z, 0-9, underscore and one dot (§7.4.1); Rock Ridge and Joliet carry the real name. */
function dCharacters(name: string): string {
  const upper = name.toUpperCase().replaceAll(/[^A-Z0-9._]/g, '_');
  const dot = upper.lastIndexOf('.');
  if (dot <= 0) return upper.replaceAll('.', '_');
  return `${upper.slice(0, dot).replaceAll('.', '_')}${upper.slice(dot)}`;
}
