import { isZero } from '../../image/frame-codec.ts';
import type { BlockDevice } from './block-device.ts';

/** From this size on the device is asked to zero the range by itself; below, reading is as quick as asking. */
const OFFLOAD_BYTES = 32 * 1024 * 1024;
const SAMPLE_BYTES = 4096;
/** One sample for every so many bytes. */
const SAMPLE_EVERY = 4 * 1024 * 1024;

export interface ZeroDoors {
  signal: AbortSignal;
  random: () => number;
  /** Called when a device said it had zeroed a range and had not. */
  onLie: (position: number) => void;
}

/**
 * Makes a range read as zero. What reads as zero already is left alone. A device that zeroes by itself is not believed:
 * its ends and one random place in every 4 MiB are read back, and one wrong byte means writing the zeros ourselves.
 * @returns bytes written by us
 * @throws WRITE_DEVICE_IO, the signal's reason
 */
export async function makeZero(
  device: BlockDevice,
  position: number,
  length: number,
  doors: ZeroDoors,
): Promise<number> {
  if (length >= OFFLOAD_BYTES && (await device.zeroRange(position, length, doors.signal))) {
    const lie = await findNonZero(device, position, length, doors);
    if (lie === undefined) return 0;
    doors.onLie(lie);
  }
  let written = 0;
  for (let at = position; at < position + length;) {
    doors.signal.throwIfAborted();
    const part = Math.min(device.pool.slotBytes, position + length - at);
    if (!(await readsZero(device, at, part))) {
      await device.write(device.pool.zeros.subarray(0, part), at);
      written += part;
    }
    at += part;
  }
  return written;
}

/** Does this range, at most one slot long, read as zero now? */
export function readsZero(device: BlockDevice, position: number, length: number): Promise<boolean> {
  return device.pool.with(async (slot) => {
    const view = slot.subarray(0, length);
    await device.read(view, position);
    return isZero(view);
  });
}

/** Position of a sample that is not zero. */
async function findNonZero(
  device: BlockDevice,
  position: number,
  length: number,
  doors: ZeroDoors,
): Promise<number | undefined> {
  const end = position + length;
  const places = [position, end - SAMPLE_BYTES];
  for (let at = position; at < end; at += SAMPLE_EVERY) {
    const room = Math.min(SAMPLE_EVERY, end - at) / SAMPLE_BYTES;
    places.push(at + Math.floor(doors.random() * room) * SAMPLE_BYTES);
  }
  for (const place of places) {
    doors.signal.throwIfAborted();
    if (!(await readsZero(device, place, SAMPLE_BYTES))) return place;
  }
  return undefined;
}
