/** One entry of an Accept header or a Content-Type: `application/json;as=Table;v=v1;g=meta.k8s.io`. */
export interface MediaType {
  type: string;
  params: Record<string, string>;
}

export function parseMedia(text: string): MediaType {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const params: Record<string, string> = {};
  for (const part of rest) {
    const eq = part.indexOf('=');
    if (eq > 0) params[part.slice(0, eq).toLowerCase()] = part.slice(eq + 1).replaceAll('"', '');
  }
  return { type: type.toLowerCase(), params };
}

/** Entries in the order given; quality values are ignored, as clients of Kubernetes list the best first. */
export function parseAccept(header: string | undefined): MediaType[] {
  if (header === undefined || header.trim() === '') return [{ type: '*/*', params: {} }];
  return header.split(',').slice(0, 30).map(parseMedia);
}

/** In which shape a client wants objects. */
export type View = 'object' | 'table' | 'metadata';

export interface Negotiated {
  view: View;
  /** What the answer's Content-Type says. */
  contentType: string;
  yaml: boolean;
  /** Version of meta.k8s.io for tables and metadata. */
  metaVersion: string;
}

/** @returns undefined when nothing the client accepts can be made */
export function negotiate(header: string | undefined): Negotiated | undefined {
  for (const { type, params } of parseAccept(header)) {
    const yaml = type === 'application/yaml';
    if (!yaml && !['application/json', 'application/*', '*/*'].includes(type)) continue;
    const view = viewOf(params);
    if (view === undefined) continue;
    const metaVersion = params['v'] ?? 'v1';
    return { view, contentType: yaml ? 'application/yaml' : 'application/json', yaml, metaVersion };
  }
  return undefined;
}

function viewOf(params: Record<string, string>): View | undefined {
  const as = params['as'];
  if (as === undefined) return 'object';
  if (params['g'] !== 'meta.k8s.io') return undefined;
  if (as === 'Table') return 'table';
  return as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList' ? 'metadata' : undefined;
}
