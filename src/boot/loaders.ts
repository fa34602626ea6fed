import table from '../../pxe/loaders.json' with { type: 'json' };

export interface Loader {
  arch: number;
  name: string;
  firmware: 'bios' | 'uefi';
  /** File name of the iPXE package. */
  file: string;
}

const loaders: readonly Loader[] = table.loaders.map((l) => ({
  arch: l.arch,
  name: l.name,
  firmware: l.firmware === 'bios' ? 'bios' : 'uefi',
  file: l.file,
}));

/** Files that may be fetched by anybody on the boot network, without a signature: public programs. */
export const LOADER_FILES: ReadonlySet<string> = new Set(loaders.map((l) => l.file));

/** A small GRUB that starts the loader on the local disk; made by `server/disk-loader.ts`. */
export const DISK_LOADER_FILE = 'disk.efi';

/**
 * The first stage for a client architecture (option 93).
 * @param arch undefined: the client did not say, which old BIOS ROMs do
 */
export function loaderFor(arch: number | undefined): Loader | { unsupported: string } {
  const wanted = arch ?? 0;
  const loader = loaders.find((l) => l.arch === wanted);
  if (loader !== undefined) return loader;
  const known = table.unsupported.find((u) => u.arch === wanted);
  return { unsupported: known === undefined ? `architecture ${wanted}` : `${known.name} (architecture ${wanted})` };
}
