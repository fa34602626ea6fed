import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bootErrors } from '../boot/errors.ts';
import { DISK_LOADER_FILE, LOADER_FILES } from '../boot/loaders.ts';

/** The files a machine fetches before our code runs on it, by the only names under which they can be had. */
export class BootFiles {
  readonly #paths: ReadonlyMap<string, string>;
  readonly kernel: string;
  readonly ramdisk: string;
  /** Is there a loader that takes UEFI machines to their disk? */
  readonly hasDiskLoader: boolean;
  /** Arguments that this ramdisk's kernel needs, from its `ramdisk.json`. */
  readonly kernelArguments: string;

  private constructor(paths: ReadonlyMap<string, string>, ramdiskDir: string, kernelArguments: string) {
    this.kernelArguments = kernelArguments;
    this.#paths = paths;
    this.kernel = join(ramdiskDir, 'vmlinuz');
    this.ramdisk = join(ramdiskDir, 'ramdisk.zst');
    this.hasDiskLoader = paths.has(DISK_LOADER_FILE);
  }

  /**
   * @param ipxeDir folder with the iPXE package's binaries
   * @param ramdiskDir folder with `vmlinuz` and `ramdisk.zst`
   * @param diskLoader path of the loader made by `disk-loader.ts`, when it could be made
   * @throws BOOT_LOADER_MISSING, BOOT_RAMDISK_MISSING
   */
  static async open(ipxeDir: string, ramdiskDir: string, diskLoader: string | undefined): Promise<BootFiles> {
    const paths = new Map([...LOADER_FILES].map((name) => [name, join(ipxeDir, name)]));
    if (diskLoader !== undefined) paths.set(DISK_LOADER_FILE, diskLoader);
    for (const path of paths.values()) {
      if (!(await readable(path))) throw bootErrors.make('BOOT_LOADER_MISSING', `boot loader ${path} cannot be read`);
    }
    const files = new BootFiles(paths, ramdiskDir, await kernelArguments(ramdiskDir));
    for (const path of [files.kernel, files.ramdisk]) {
      if (!(await readable(path))) throw bootErrors.make('BOOT_RAMDISK_MISSING', `${path} cannot be read`);
    }
    return files;
  }

  /** Path of a loader by its bare name; firmware may put a slash before it. Undefined for everything else. */
  loader(name: string): string | undefined {
    return this.#paths.get(name.replace(/^\/+/, ''));
  }
}

/** A ramdisk that was not built here need not have the description. */
async function kernelArguments(dir: string): Promise<string> {
  const text = await readFile(join(dir, 'ramdisk.json'), 'utf8').catch(() => '{}');
  const info: unknown = JSON.parse(text);
  const said = typeof info === 'object' && info !== null && 'cmdline' in info ? info.cmdline : undefined;
  return typeof said === 'string' ? said : DEFAULT_KERNEL_ARGUMENTS;
}

const DEFAULT_KERNEL_ARGUMENTS = 'console=tty0 console=ttyS0,115200n8 panic=30';

function readable(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
