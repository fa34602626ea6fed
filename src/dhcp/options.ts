import { ByteWriter } from '../wire/writer.ts';
import { concatBytes } from '../wire/hex.ts';
import { OPT } from './codes.ts';
import { dhcpErrors } from './errors.ts';

/** Options by code; a value is what all occurrences of the code add up to (RFC 3396). Unknown codes are kept. */
export type DhcpOptions = Map<number, Uint8Array>;

/** Appends the options of one region (the options field, `file` or `sname`) to `into`. @throws DHCP_MALFORMED */
export function readOptionRegion(region: Uint8Array, into: DhcpOptions): void {
  let at = 0;
  while (at < region.length) {
    const code = region[at] ?? OPT.end;
    if (code === OPT.end) return;
    at += 1;
    if (code === OPT.pad) continue;
    const length = region[at];
    if (length === undefined || at + 1 + length > region.length) {
      throw dhcpErrors.make('DHCP_MALFORMED', `option ${code} runs past the end of its field`, { seen: { code, at } });
    }
    append(into, code, region.slice(at + 1, at + 1 + length));
    at += 1 + length;
  }
}

function append(into: DhcpOptions, code: number, value: Uint8Array): void {
  const before = into.get(code);
  into.set(code, before === undefined ? value : concatBytes(before, value));
}

/** What goes into the three places a packet has for options. */
export interface OptionLayout {
  /** The options field after the cookie, with option 52 where needed and the End mark. */
  options: Uint8Array;
  file: Uint8Array | undefined;
  sname: Uint8Array | undefined;
}

export interface LayoutLimits {
  /** Bytes of the options field, End included. */
  options: number;
  /** Bytes of `file` and `sname` that may carry options; 0 when the field is in use. */
  file: number;
  sname: number;
}

/**
 * Splits values longer than 255 bytes (RFC 3396), spills what does not fit into `file` and then `sname` (option 52) and
 * puts option 82 last in the options field (RFC 3046 §2.1).
 * @throws DHCP_TOO_LARGE
 */
export function layOutOptions(options: DhcpOptions, limits: LayoutLimits): OptionLayout {
  const last = fragments(OPT.relayInfo, options.get(OPT.relayInfo));
  const pieces = [...options].flatMap(([code, value]) =>
    code === OPT.relayInfo || code === OPT.overload ? [] : fragments(code, value),
  );
  const tail = size(last) + 1;
  if (size(pieces) + tail <= limits.options)
    return { options: field([...pieces, ...last]), file: undefined, sname: undefined };
  const queue = [...pieces];
  const main = take(queue, limits.options - tail - 3);
  const file = take(queue, limits.file - 1);
  const sname = take(queue, limits.sname - 1);
  if (queue.length > 0) {
    throw dhcpErrors.make('DHCP_TOO_LARGE', `options need ${size(pieces) + tail} bytes`, { seen: { ...limits } });
  }
  const overload = Uint8Array.of(OPT.overload, 1, (file.length > 0 ? 1 : 0) | (sname.length > 0 ? 2 : 0));
  return {
    options: field([...main, overload, ...last]),
    file: file.length > 0 ? field(file) : undefined,
    sname: sname.length > 0 ? field(sname) : undefined,
  };
}

function fragments(code: number, value: Uint8Array | undefined): Uint8Array[] {
  if (value === undefined) return [];
  const out: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < value.length; at += 255) {
    const part = value.subarray(at, at + 255);
    out.push(concatBytes(Uint8Array.of(code, part.length), part));
  }
  return out;
}

/** Moves pieces from the front of `queue` while they fit; order has to stay, it is what joins split values again. */
function take(queue: Uint8Array[], room: number): Uint8Array[] {
  let left = room;
  const taken: Uint8Array[] = [];
  for (let next = queue[0]; next !== undefined && next.length <= left; next = queue[0]) {
    taken.push(next);
    left -= next.length;
    queue.shift();
  }
  return taken;
}

function size(pieces: Uint8Array[]): number {
  return pieces.reduce((sum, p) => sum + p.length, 0);
}

function field(pieces: Uint8Array[]): Uint8Array {
  return new ByteWriter(64)
    .bytes(concatBytes(...pieces))
    .u8(OPT.end)
    .finish();
}
