import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { imageErrors } from './errors.ts';

export type ImageSource = { kind: 'http'; url: URL } | { kind: 'file'; path: string };

/** A URL as it may be shown: no user, password or query, which carry tokens. */
export function redactUrl(text: string): string {
  if (!URL.canParse(text)) return text.split('?', 1)[0] ?? '';
  const url = new URL(text);
  const query = url.search === '' ? '' : '?…';
  return url.protocol === 'file:' ? url.pathname : `${url.protocol}//${url.host}${url.pathname}${query}`;
}

/**
 * Where `spec.image.url` points.
 * @throws IMAGE_URL_INVALID
 */
export function parseSource(text: string): ImageSource {
  if (text.startsWith('/')) return { kind: 'file', path: text };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return { kind: 'http', url };
  if (url?.protocol === 'file:' && url.host === '' && !/%(2f|00)/i.test(url.pathname)) {
    return { kind: 'file', path: fileURLToPath(url) };
  }
  throw imageErrors.make('IMAGE_URL_INVALID', `spec.image.url "${redactUrl(text)}" cannot be fetched`);
}

/** Last path part: what a sums file calls the image. */
export function sourceBaseName(source: ImageSource): string {
  return basename(source.kind === 'file' ? source.path : percentDecoded(source.url.pathname));
}

/** Percent-decoded text, or the text itself when it is not valid percent encoding. */
export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
