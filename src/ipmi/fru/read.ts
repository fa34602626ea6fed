import { concatBytes } from '../../wire/hex.ts';
import type { RunCommand } from '../commands/command.ts';
import { getFruInfo } from '../commands/fru/info.ts';
import { readFru } from '../commands/fru/read.ts';
import { TOO_MANY_BYTES } from '../commands/records.ts';
import { completionOf } from '../errors.ts';
import { FRU_HEADER_BYTES } from './areas.ts';

/** Bytes of one read, in the order to try. */
const STEPS = [32, 16, 8, 4, 2] as const;
/** Larger than any inventory we know; a size of 64 KiB is a BMC that does not know it. */
const MAX_BYTES = 4096;

/**
 * Reads a FRU inventory, from its start to where its BMC says that it ends or stops giving.
 * @param device 0: of the system itself
 * @throws IPMI_* when nothing could be read
 */
export async function readFruBytes(run: RunCommand, device: number, signal: AbortSignal): Promise<Uint8Array> {
  const info = await run(getFruInfo(device), signal);
  const unit = info.words ? 2 : 1;
  const total = Math.min(info.bytes, MAX_BYTES);
  let bytes = new Uint8Array(0);
  for (let step = 0; bytes.length < total;) {
    const count = Math.ceil(Math.min(STEPS[step] ?? 2, total - bytes.length) / unit);
    try {
      const part = await run(readFru({ device, offset: bytes.length / unit, count }), signal);
      if (part.length === 0) break;
      // Half a word at the end would put the next read beside its place.
      const whole = part.subarray(0, Math.floor(part.length / unit) * unit).subarray(0, count * unit);
      if (whole.length === 0) break;
      bytes = new Uint8Array(concatBytes(bytes, whole));
    } catch (error) {
      const completion = completionOf(error);
      if (completion === undefined) throw error;
      if (TOO_MANY_BYTES.has(completion) && step < STEPS.length - 1) {
        step++;
        continue;
      }
      // The size lied: what was read so far has the areas, or their decoder says what is missing.
      if (bytes.length >= FRU_HEADER_BYTES) break;
      throw error;
    }
  }
  return bytes.slice(0, total);
}
