import { Agent, interceptors, request } from 'undici';
import { percentDecoded } from './source-url.ts';

/** The one thing this room needs of HTTP; tests hand in their own. */
export interface HttpReply {
  status: number;
  /** Lower-case names. */
  headers: Record<string, string | string[] | undefined>;
  body: AsyncIterable<Uint8Array>;
  /** Closes the connection without reading the body. */
  discard: () => void;
}

export type HttpDoor = (url: URL, headers: Record<string, string>, signal: AbortSignal) => Promise<HttpReply>;

/** A server that says nothing for this long is gone, ms. */
const SILENCE_MS = 60_000;

/**
 * HTTP by undici: up to 5 redirects, no transparent decompression, user and password of the URL as basic authorization
 * (dropped when a redirect leaves the origin).
 * @param ca PEM certificates to trust beside the system's
 */
export function undiciDoor(ca?: string): HttpDoor {
  const agent = new Agent({
    headersTimeout: SILENCE_MS,
    bodyTimeout: SILENCE_MS,
    connect: { timeout: 15_000, ...(ca === undefined ? {} : { ca }) },
  }).compose(interceptors.redirect({ maxRedirections: 5 }));
  return async (url, headers, signal) => {
    const plain = new URL(url);
    plain.username = '';
    plain.password = '';
    const login =
      url.username === ''
        ? {}
        : { authorization: `Basic ${base64(`${percentDecoded(url.username)}:${percentDecoded(url.password)}`)}` };
    const reply = await request(plain, {
      dispatcher: agent,
      headers: { 'user-agent': 'ingot', 'accept-encoding': 'identity', ...login, ...headers },
      signal,
    });
    const { body } = reply;
    const discard = () => {
      // undici reports the cut as an error of the body; nobody listens to it any more.
      body.on('error', () => {});
      body.destroy();
    };
    return { status: reply.statusCode, headers: reply.headers, body, discard };
  };
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
