/** Firmware boot entries: what `efibootmgr` prints and what boot loaders say about themselves. Pure. */

export interface BootEntry {
  /** Four hex digits, upper case. */
  id: string;
  label: string;
  /** Device path as efibootmgr prints it. */
  path: string;
}

/** Parses `efibootmgr -v`. */
export function parseBootEntries(text: string): BootEntry[] {
  return [...text.matchAll(/^Boot([0-9A-Fa-f]{4})[* ] ([^\t\n]*)(?:\t(.*))?$/gm)].map(
    ([, id = '', label = '', path = '']) => ({
      id: id.toUpperCase(),
      label: label.trim(),
      path: path.trim(),
    }),
  );
}

/** A boot loader of the image, relative to its EFI system partition. */
export interface Loader {
  /** Path with forward slashes as found on the partition: `EFI/debian/shimx64.efi`. */
  file: string;
  label: string;
}

/**
 * Reads a vendor's BOOTX64.CSV: UTF-16 lines `loader,label,arguments,description`; the first that names a file counts
 * (shim: README.fallback).
 */
export function parseBootCsv(bytes: Uint8Array): { loader: string; label: string } | undefined {
  const text = Buffer.from(bytes).toString('utf16le').replaceAll('\uFEFF', '').replaceAll('\0', '');
  for (const line of text.split(/\r?\n/)) {
    const [loader = '', label = ''] = line.split(',').map((s) => s.trim());
    if (/^[\w.+-]+\.efi$/i.test(loader)) return { loader, label: label === '' ? loader : label };
  }
  return undefined;
}

/** The `\EFI\…` form of a path, as firmware wants it. */
export function firmwarePath(file: string): string {
  return `\\${file.replaceAll('/', '\\')}`;
}

/** Entries to remove before one labelled `label` is created: older ones of the same name, as a second one would confuse. */
export function staleEntries(entries: readonly BootEntry[], label: string): BootEntry[] {
  return entries.filter((e) => e.label === label);
}

/** Does this entry start `file` on the partition with this GUID? */
export function startsLoader(entry: BootEntry, partitionGuid: string, file: string): boolean {
  const path = entry.path.toLowerCase();
  return path.includes(partitionGuid.toLowerCase()) && path.includes(firmwarePath(file).toLowerCase());
}
