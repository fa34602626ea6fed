import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { imageErrors } from './errors.ts';
import type { Frame } from './manifest-types.ts';
import { maxZstdBytes } from './manifest.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Level 3 keeps up with a SATA disk on one core; higher levels save few per cent on operating system images. */
const LEVEL = 3;
/** A decoder needs at most this window: no frame can make an agent allocate more. 8 MiB. */
const WINDOW_LOG = 23;
const ZEROS = new Uint8Array(4 * 1024 * 1024);

/** Is every byte zero? By memcmp, at memory speed. */
export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Compresses one frame in the thread pool. The raw bytes must not change until it is done. */
export async function encodeFrame(raw: Uint8Array): Promise<{ frame: Frame & { kind: 'data' }; zstd: Uint8Array }> {
  const zstd = await compress(raw, {
    chunkSize: maxZstdBytes(raw.length),
    pledgedSrcSize: raw.length,
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 0 },
  });
  return { frame: { kind: 'data', sha256: sha256Hex(raw), zstdBytes: zstd.length }, zstd };
}

/**
 * Decompresses and verifies one frame from an untrusted source. Memory is bounded whatever the bytes say.
 * @param rawBytes what the frame must expand to, exactly
 * @throws IMAGE_FRAME_INVALID
 */
export async function decodeFrame(
  frame: Frame & { kind: 'data' },
  rawBytes: number,
  zstd: Uint8Array,
): Promise<Uint8Array> {
  if (zstd.length !== frame.zstdBytes) bad(`has ${zstd.length} bytes, expected ${frame.zstdBytes}`);
  let raw: Uint8Array;
  try {
    raw = await decompress(zstd, {
      // Room for a byte more than can come: a buffer that is exactly full makes zlib ask for a second one.
      chunkSize: rawBytes + 64,
      maxOutputLength: rawBytes,
      params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG },
    });
  } catch (cause) {
    return bad(`cannot be decompressed: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (raw.length !== rawBytes) bad(`expands to ${raw.length} bytes, expected ${rawBytes}`);
  const got = sha256Hex(raw);
  if (got !== frame.sha256) bad(`has SHA-256 ${got}, expected ${frame.sha256}`);
  return raw;
}

function bad(what: string): never {
  throw imageErrors.make('IMAGE_FRAME_INVALID', `image frame ${what}`);
}
