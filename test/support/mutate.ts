/** Seeded uniform numbers in [0, 1): the same seed gives the same run, so that a crash can be looked at again. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

const INTERESTING = [0x00, 0x01, 0x7f, 0x80, 0xff];

/**
 * Makes broken variants of known-good packets: flipped bits, changed bytes, cuts, repeats, splices of two packets.
 * @param corpus good packets, not empty
 */
export function mutator(corpus: readonly Uint8Array[], seed: number): () => Uint8Array {
  const random = seededRandom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const pick = () => corpus[below(corpus.length)] ?? new Uint8Array(0);
  const changes: ((b: Uint8Array) => Uint8Array)[] = [
    (b) => with1(b, below(b.length), (v) => v ^ (1 << below(8))),
    (b) => with1(b, below(b.length), () => below(256)),
    (b) => with1(b, below(b.length), () => INTERESTING[below(INTERESTING.length)] ?? 0),
    (b) => with1(b, below(b.length), (v) => v + (random() < 0.5 ? 1 : -1)),
    (b) => b.slice(0, below(b.length + 1)),
    (b) => b.slice(below(b.length + 1)),
    (b) =>
      insert(
        b,
        below(b.length + 1),
        Uint8Array.from({ length: 1 + below(8) }, () => below(256)),
      ),
    (b) => insert(b, below(b.length + 1), b.slice(0, below(Math.min(64, b.length + 1)))),
    (b) => {
      const other = pick();
      return insert(b.slice(0, below(b.length + 1)), undefined, other.slice(below(other.length + 1)));
    },
  ];
  return () => {
    let bytes: Uint8Array = pick().slice();
    for (let n = 1 + below(3); n > 0; n--) bytes = changes[below(changes.length)]?.(bytes) ?? bytes;
    return bytes;
  };
}

function with1(bytes: Uint8Array, at: number, change: (value: number) => number): Uint8Array {
  if (bytes.length > 0) bytes[at] = change(bytes[at] ?? 0);
  return bytes;
}

function insert(bytes: Uint8Array, at: number | undefined, extra: Uint8Array): Uint8Array {
  const where = at ?? bytes.length;
  const out = new Uint8Array(bytes.length + extra.length);
  out.set(bytes.subarray(0, where));
  out.set(extra, where);
  out.set(bytes.subarray(where), where + extra.length);
  return out;
}
