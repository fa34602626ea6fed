/**
 * Node carries 33 MB of language data (ICU). The agent prints plain English and compares names, so in the ramdisk the
 * tables of other languages are filled with zeros: they then compress to nothing, which saves a quarter of what every
 * boot downloads and unpacks. ICU sees damaged tables for those locales and falls back to its root locale.
 */

/** An item of the data library: where it lies in the file. */
export interface IcuItem {
  /** `icudt78l/coll/de.res` */
  name: string;
  offset: number;
  bytes: number;
}

const MAGIC = Buffer.from([0xda, 0x27]);
const FORMAT = Buffer.from('CmnD', 'latin1');
const MAX_ITEMS = 20_000;

/**
 * Finds the table of contents of the ICU data inside a program (ICU: source/common/ucmndata.h).
 * @throws when there is none: a Node built another way needs a look by a person
 */
export function findIcuItems(program: Uint8Array): IcuItem[] {
  const file = Buffer.from(program.buffer, program.byteOffset, program.length);
  for (let at = file.indexOf(FORMAT); at >= 0; at = file.indexOf(FORMAT, at + 1)) {
    const start = at - 12;
    if (start < 0 || !file.subarray(start + 2, start + 4).equals(MAGIC)) continue;
    const toc = start + file.readUInt16LE(start);
    const items = readItems(file, toc);
    if (items.length > 0) return items;
  }
  throw new Error('this Node carries no ICU data that is understood');
}

/** Pairs of offsets (name, data), counted from the table itself; an item ends where the next begins. */
function readItems(file: Buffer, toc: number): IcuItem[] {
  const count = file.readUInt32LE(toc);
  if (count === 0 || count > MAX_ITEMS) return [];
  const entries = Array.from({ length: count }, (_, i) => {
    const nameAt = toc + file.readUInt32LE(toc + 4 + i * 8);
    return {
      name: file.toString('latin1', nameAt, file.indexOf(0, nameAt)),
      offset: toc + file.readUInt32LE(toc + 8 + i * 8),
    };
  });
  // The last one has no successor to end it; it is left alone.
  return entries.slice(0, -1).map((e, i) => ({ ...e, bytes: (entries[i + 1]?.offset ?? e.offset) - e.offset }));
}

/** Tables that are not about one language, and the languages that stay. */
const KEEP_RESOURCES = new Set(
  (
    'root en en_US res_index pool supplementalData likelySubtags keyTypeData numberingSystems plurals pluralRanges ' +
    'dayPeriods timezoneTypes metaZones windowsZones zoneinfo64 icustd icuver genderList grammaticalFeatures units'
  ).split(' '),
);
/** Folders of which nothing is needed: spoken numbers, transliteration, word breaking. */
const DROP_FOLDERS = new Set(['rbnf', 'translit', 'brkitr']);
/** Kinds that are dropped: character sets other than Unicode, dictionaries, names of characters, look-alikes. */
const DROP_KINDS = /\.(cnv|dict|cfu|spp)$|unames\.icu$/;

/** Is this table not needed by the agent? */
export function isDispensable(name: string): boolean {
  const [folder, base] =
    name.split('/').slice(1).length === 2 ? name.split('/').slice(1) : ['', name.split('/').at(-1)];
  if (folder === undefined || base === undefined) return false;
  if (DROP_KINDS.test(base)) return true;
  if (!base.endsWith('.res')) return false;
  return DROP_FOLDERS.has(folder) || !KEEP_RESOURCES.has(base.slice(0, -'.res'.length));
}

/** Fills dispensable tables with zeros, in place. @returns how many bytes were filled */
export function pruneIcu(program: Uint8Array): number {
  let filled = 0;
  for (const item of findIcuItems(program)) {
    if (!isDispensable(item.name)) continue;
    program.fill(0, item.offset, item.offset + item.bytes);
    filled += item.bytes;
  }
  return filled;
}
