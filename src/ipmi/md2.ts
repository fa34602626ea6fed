import { fromHex } from '../wire/hex.ts';

const BLOCK = 16;
const ROUNDS = 18;

/** The permutation of RFC 1319, made from the digits of pi. */
const S = fromHex(
  '292e43c9a2d87c013d3654a1ecf0061362a705f3c0c7738c98932bd9bc4c82ca1e9b573cfdd4e01667426f188a17e512' +
    'be4ec4d6da9ede49a0fbf58ebb2fee7aa968799115b2073f94c210890b225f21807f5d9a5a903227353ecce7bff79703' +
    'ff1930b348a5b5d1d75e922aac56aac64fb838d296a47db676fc6be29c7404f1459d705964718720865bcf65e62da802' +
    '1b6025adaeb0b9f61c46616934407e0f5547a323dd51af3ac35cf9cebac5ea262c530d6e85288409d3dfcdf441814d52' +
    '6adc37c86cc1abfa24e17b080cbdb14a7888958be363e86de9cbd5fe3b001d39f2efb70e6658d0e4a67772f8eb754b0a' +
    '314450b48fed1f1adb998d339f118314',
);

/**
 * MD2 (RFC 1319), which today's OpenSSL no longer has: boards of the IPMI 1.5 age may know nothing better.
 * @returns 16 bytes
 */
export function md2(message: Uint8Array): Uint8Array {
  const padding = BLOCK - (message.length % BLOCK);
  const text = new Uint8Array(message.length + padding + BLOCK).fill(padding, message.length);
  text.set(message);
  const sumAt = message.length + padding;
  text.set(checksumOf(text.subarray(0, sumAt)), sumAt);
  const x = new Uint8Array(3 * BLOCK);
  for (let at = 0; at < text.length; at += BLOCK) {
    x.set(text.subarray(at, at + BLOCK), BLOCK);
    for (let i = 0; i < BLOCK; i++) x[2 * BLOCK + i] = byte(x, BLOCK + i) ^ byte(x, i);
    let t = 0;
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < x.length; i++) t = x[i] = byte(x, i) ^ byte(S, t);
      t = (t + round) & 0xff;
    }
  }
  return x.slice(0, BLOCK);
}

function checksumOf(text: Uint8Array): Uint8Array {
  const sum = new Uint8Array(BLOCK);
  let last = 0;
  for (let i = 0; i < text.length; i++) {
    const at = i % BLOCK;
    last = sum[at] = byte(sum, at) ^ byte(S, byte(text, i) ^ last);
  }
  return sum;
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
