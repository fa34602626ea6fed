import { storeErrors } from '../errors.ts';

/** An object is at most 1.5 MB in etcd; a line beyond this is not a watch event. */
const MAX_LINE_BYTES = 16 << 20;

/**
 * Splits a stream of chunks into lines of JSON.
 * @throws STORE_UNAVAILABLE on a line that is too long or not JSON: the watch is then opened again
 */
export async function* jsonLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_BYTES) throw storeErrors.make('STORE_UNAVAILABLE', 'watch event is too long');
    for (const line of lines) if (line.trim() !== '') yield parseLine(line);
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch (cause) {
    throw storeErrors.make('STORE_UNAVAILABLE', 'watch event is not JSON', { cause });
  }
}
