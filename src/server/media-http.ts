import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import { type ObjectKey, keyText } from '../api/meta.ts';
import { bootErrors } from '../boot/errors.ts';
import type { ProgressBook } from '../boot/progress-book.ts';
import { type RamdiskMedia, mediaScope } from '../boot/ramdisk-media.ts';
import type { UrlSigner } from '../boot/url-signing.ts';
import type { Clock } from '../core/clock.ts';
import type { IsoPatch } from '../disk/iso-overlay.ts';
import type { ByteCounter } from './byte-counter.ts';
import { plainAddress } from './boot-http.ts';
import type { IsoBase } from './iso-base.ts';
import type { MediaFetch } from './media-fetch.ts';
import { FILE_METHODS, parseRange } from './static-file.ts';

export interface MediaHttpDoors {
  book: ProgressBook;
  signer: UrlSigner;
  media: RamdiskMedia;
  iso: IsoBase;
  fetched: MediaFetch;
  bytes: ByteCounter;
  clock: Clock;
}

interface Params {
  namespace: string;
  attempt: string;
  segment: string;
  file: string;
}

/**
 * The ramdisk's ISO of one machine, for its BMC's virtual CD or its firmware. What is on it lets the machine in: it is
 * sent only to who knows the URL, and only while that very boot is awaited.
 */
export function mediaRoutes(app: FastifyInstance, doors: MediaHttpDoors): void {
  const handler = async (request: FastifyRequest<{ Params: Params }>, reply: FastifyReply) => {
    const { namespace, segment, file } = request.params;
    const attempt = Number(request.params.attempt);
    const key = { namespace, name: file.replace(/\.iso$/, '') };
    const host = doors.book.hosts.get(keyText(key));
    // The same words for a host that is not there: names are not to be tried out here.
    doors.signer.verifySegment(segment, host === undefined ? '' : mediaScope(host, attempt), doors.clock.now());
    if (host === undefined) throw bootErrors.make('BOOT_URL_INVALID', 'the signature of this URL is wrong');
    const status = doors.book.status(key);
    if (status.attempt !== attempt || status.boot?.intent !== 'ramdisk') {
      throw bootErrors.make('BOOT_URL_EXPIRED', 'this boot is not awaited any more');
    }
    const content = await doors.media.content(host, status);
    return sendIso(doors, request, reply, { key, host, attempt }, content);
  };
  app.route<{ Params: Params }>({ method: FILE_METHODS, url: '/media/:namespace/:attempt/:segment/:file', handler });
}

function sendIso(
  doors: MediaHttpDoors,
  request: Pick<FastifyRequest, 'headers' | 'method' | 'ip'>,
  reply: FastifyReply,
  boot: { key: ObjectKey; host: BareMetalHost; attempt: number },
  content: { etag: string; patches: readonly IsoPatch[] },
): FastifyReply {
  const { iso, fetched, bytes } = doors;
  const size = iso.info.bytes;
  const scope = mediaScope(boot.host, boot.attempt);
  // UEFI 2.10 §24.7: firmware that boots by HTTP takes an ISO by its media type or by the name’s end.
  reply.header('accept-ranges', 'bytes').header('etag', content.etag).type('application/vnd.efi-iso');
  reply.header('cache-control', 'private, no-transform');
  if (request.headers['if-none-match'] === content.etag) return reply.code(304).send();
  // A range of something that has changed meanwhile would be glued to what does not fit (RFC 9110 §13.1.5).
  const condition = request.headers['if-range'];
  const wanted = condition === undefined || condition === content.etag ? request.headers.range : undefined;
  const range = parseRange(wanted, size);
  if (range === 'unsatisfiable') return reply.code(416).header('content-range', `bytes */${size}`).send();
  const { start, end } = range === 'all' ? { start: 0, end: size - 1 } : range;
  if (range !== 'all') reply.code(206).header('content-range', `bytes ${start}-${end}/${size}`);
  reply.header('content-length', end - start + 1);
  fetched.asked(boot.key, scope, size, plainAddress(request.ip));
  if (request.method === 'HEAD') return reply.send();
  const told = (from: number, to: number) => {
    bytes.add('ramdisk', to - from);
    fetched.sent(boot.key, scope, boot.attempt, size, from, to);
  };
  return reply.send(
    Readable.from(counted(iso.read(content.patches, start, end + 1), start, told), { objectMode: false }),
  );
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  start: number,
  told: (from: number, to: number) => void,
): AsyncGenerator<Uint8Array> {
  let at = start;
  for await (const chunk of chunks) {
    yield chunk;
    told(at, at + chunk.length);
    at += chunk.length;
  }
}
