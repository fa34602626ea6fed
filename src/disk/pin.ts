import type { DiskFacts } from '../agent-protocol/messages.ts';
import type { PinnedDisk } from '../api/hostprogress.ts';
import { diskErrors } from './errors.ts';

const given = (text: string | undefined): text is string => text !== undefined && text.trim() !== '';

/**
 * Takes down what tells this disk from every other.
 * @throws DISK_NO_IDENTITY when it has neither serial, WWN nor by-path link
 */
export function pinDisk(disk: DiskFacts): PinnedDisk {
  if (!given(disk.serial) && !given(disk.wwn) && !given(disk.byPath)) {
    throw diskErrors.make('DISK_NO_IDENTITY', `${disk.name} has no serial number, no WWN and no by-path link`);
  }
  return {
    name: disk.name,
    sizeBytes: disk.sizeBytes,
    ...(given(disk.serial) ? { serial: disk.serial } : {}),
    ...(given(disk.wwn) ? { wwn: disk.wwn } : {}),
    ...(given(disk.byPath) ? { byPath: disk.byPath } : {}),
  };
}

/**
 * Is `disk` the pinned one? Serial and WWN decide when they were pinned (a disk may change its slot); the by-path link
 * decides only for disks that have nothing else. The size must always be the same.
 */
export function matchPin(pin: PinnedDisk, disk: DiskFacts): { ok: true } | { ok: false; reason: string } {
  const no = (what: string, want: string | number, got: string | number | undefined) => ({
    ok: false as const,
    reason: `${what} is ${got ?? 'missing'}, pinned was ${want}`,
  });
  if (given(pin.serial) && pin.serial !== disk.serial) return no('serial', pin.serial, disk.serial);
  if (given(pin.wwn) && pin.wwn !== disk.wwn) return no('wwn', pin.wwn, disk.wwn);
  if (!given(pin.serial) && !given(pin.wwn)) {
    if (!given(pin.byPath)) return { ok: false, reason: 'the pin has no serial, wwn or by-path link' };
    if (pin.byPath !== disk.byPath) return no('by-path link', pin.byPath, disk.byPath);
  }
  if (pin.sizeBytes !== disk.sizeBytes) return no('size', pin.sizeBytes, disk.sizeBytes);
  return { ok: true };
}

/**
 * The pinned disk among those present. When several carry the same serial (two paths to one disk, or cheap sticks), the
 * pinned by-path link decides.
 * @throws DISK_PIN_MISMATCH listing every disk's reason
 */
export function findPinned<D extends DiskFacts>(pin: PinnedDisk, disks: readonly D[]): D {
  const reasons: string[] = [];
  const found: D[] = [];
  for (const disk of disks) {
    const match = matchPin(pin, disk);
    if (match.ok) found.push(disk);
    else reasons.push(`${disk.name}: ${match.reason}`);
  }
  const exact = found.length > 1 ? found.filter((d) => given(pin.byPath) && d.byPath === pin.byPath) : found;
  const [disk] = exact;
  if (disk !== undefined && exact.length === 1) return disk;
  const why =
    found.length > 1
      ? `${found.map((d) => d.name).join(', ')} all have its identity`
      : `no disk is it (${reasons.length === 0 ? 'the host has no disks' : reasons.join('; ')})`;
  throw diskErrors.make('DISK_PIN_MISMATCH', `the disk pinned as ${pin.name} cannot be found: ${why}`);
}
