import { imageErrors } from './errors.ts';

export type ChecksumAlgorithm = 'md5' | 'sha256' | 'sha512';

export interface Checksum {
  algorithm: ChecksumAlgorithm;
  /** Lower-case hex. */
  hex: string;
}

export type ChecksumSpec = { kind: 'digest'; checksum: Checksum } | { kind: 'sums-url'; url: string };

const BY_LENGTH = new Map<number, ChecksumAlgorithm>([
  [32, 'md5'],
  [64, 'sha256'],
  [128, 'sha512'],
]);
const HEX = /^[0-9a-f]+$/i;

/**
 * What `spec.image.checksum` means (metal3-compat §4.1): a hex digest or the URL of a sums file.
 * @param type '' and 'auto' go by the digest's length
 * @throws IMAGE_NO_CHECKSUM, IMAGE_CHECKSUM_INVALID
 */
export function parseChecksum(text: string | undefined, type: string | undefined): ChecksumSpec {
  const value = (text ?? '').trim();
  if (value === '') throw imageErrors.make('IMAGE_NO_CHECKSUM', 'spec.image.checksum is empty');
  if (/^https?:\/\//i.test(value) && URL.canParse(value)) return { kind: 'sums-url', url: value };
  return { kind: 'digest', checksum: digestOf(value, type, 'spec.image.checksum') };
}

/** @throws IMAGE_CHECKSUM_INVALID */
export function digestOf(hex: string, type: string | undefined, where: string): Checksum {
  const wanted = type === undefined || type === '' || type === 'auto' ? undefined : type;
  const algorithm = HEX.test(hex) ? BY_LENGTH.get(hex.length) : undefined;
  if (algorithm === undefined) {
    throw imageErrors.make('IMAGE_CHECKSUM_INVALID', `${where} is neither a digest nor an http(s) URL`);
  }
  if (wanted !== undefined && wanted !== algorithm) {
    throw imageErrors.make(
      'IMAGE_CHECKSUM_INVALID',
      `spec.image.checksumType is ${wanted}, but ${where} has ${hex.length} hex digits (${algorithm})`,
    );
  }
  return { algorithm, hex: hex.toLowerCase() };
}

/**
 * Finds the digest of an image in the text of a sums file. Three forms: a lone digest; `digest  name` or `digest *name`;
 * `SHA256 (name) = digest`. Lines beginning with # are comments. Names are compared by their last path part.
 * @param baseName last path part of the image's URL
 * @param sumsUrl for the message, already redacted
 * @throws IMAGE_CHECKSUM_INVALID when no line names the image
 */
export function findInSums(text: string, baseName: string, type: string | undefined, sumsUrl: string): Checksum {
  const lines = text
    .split(/\r?\n/)
    .map((l) => l.trim())
    .filter((l) => l !== '' && !l.startsWith('#'));
  const [only] = lines;
  if (only !== undefined && lines.length === 1 && HEX.test(only))
    return digestOf(only, type, `the digest in ${sumsUrl}`);
  const last = (path: string) => path.slice(path.lastIndexOf('/') + 1);
  const hits = lines
    .map(parseSumsLine)
    .filter((l) => l !== undefined)
    .filter((l) => last(l.name) === baseName);
  // A file may list one image under several algorithms: the wanted one, else the strongest.
  const fits = hits.filter(
    (h) => type === undefined || type === '' || type === 'auto' || BY_LENGTH.get(h.hex.length) === type,
  );
  const [best] = (fits.length > 0 ? fits : hits).sort((a, b) => b.hex.length - a.hex.length);
  if (best === undefined) {
    throw imageErrors.make('IMAGE_CHECKSUM_INVALID', `the sums file ${sumsUrl} has no line for ${baseName}`, {
      hint: 'spec.image.checksum must name a file that lists the image by its file name',
    });
  }
  return digestOf(best.hex, type, `the digest of ${baseName} in ${sumsUrl}`);
}

function parseSumsLine(line: string): { name: string; hex: string } | undefined {
  const bsd = /^[\w-]+ \((.+)\) = ([0-9a-f]+)$/i.exec(line);
  if (bsd !== null) return { name: bsd[1] ?? '', hex: bsd[2] ?? '' };
  const gnu = /^([0-9a-f]{32,128})\s+\*?(.+)$/i.exec(line);
  return gnu === null ? undefined : { name: gnu[2] ?? '', hex: gnu[1] ?? '' };
}
