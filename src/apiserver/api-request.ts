/** One HTTP request and its answer, free of any HTTP library. */
export interface ApiRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  accept: string | undefined;
  contentType: string | undefined;
  userAgent: string | undefined;
  body: Uint8Array;
  /** Aborted when the client goes away or the server stops. */
  signal: AbortSignal;
}

export interface ApiReply {
  status: number;
  /** Sent as JSON, or as YAML where the content type says so; bytes and text are sent as they are. */
  body: unknown;
  contentType: string;
  warnings?: readonly string[];
  headers?: Record<string, string>;
}

/** An answer that goes on: each item is one line. */
export interface ApiStream {
  stream: AsyncIterable<unknown>;
  contentType: string;
}

export function json(body: unknown, status = 200): ApiReply {
  return { status, body, contentType: 'application/json' };
}
