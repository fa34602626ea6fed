import type { Account } from './state/accounts.ts';
import type { RedfishService } from './service.ts';

export type Body = Record<string, unknown>;

export interface Reply {
  status: number;
  body?: Body;
  /** For what is not JSON. */
  raw?: { type: string; text: string };
  headers?: Record<string, string>;
}

/** One request on its way to a handler. */
export interface Call {
  service: RedfishService;
  /** Values of the `:name` segments. */
  params: Readonly<Record<string, string>>;
  path: string;
  query: URLSearchParams;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed JSON body; `{}` when there was none. */
  body: Body;
  /** Was a body sent at all? */
  hasBody: boolean;
  /** Body as sent, for pushes. */
  bytes: Uint8Array;
  account: Account | undefined;
}

export type Privilege = 'Login' | 'ConfigureComponents' | 'ConfigureManager' | 'ConfigureUsers' | 'ConfigureSelf';

export interface Route {
  /** `/redfish/v1/Systems/1/Processors/:id` */
  path: string;
  /** Undefined: there is no such member (404). */
  get?: (call: Call) => Body | Reply | undefined;
  patch?: Handler;
  put?: Handler;
  post?: Handler;
  delete?: Handler;
  /** Readable without authentication (DSP0266 §13.3.3). */
  open?: boolean;
  /** Whoever is logged in or not may POST: logging in. */
  openPost?: boolean;
  /** For writes; default ConfigureComponents. */
  privilege?: Privilege;
  /** For reads; default Login. */
  readPrivilege?: Privilege;
  /** Bodies that are not JSON are taken. */
  anyBody?: boolean;
  /** Applies also to PATCH: has this path a moving part that no ETag should cover? */
  noEtag?: boolean;
}

export type Handler = (call: Call) => Reply | Promise<Reply>;

export type Method = 'get' | 'patch' | 'put' | 'post' | 'delete';

/** Finds the route of a path: exact ones by name, those with parameters segment by segment. */
export class Router {
  readonly #exact = new Map<string, Route>();
  readonly #patterns: { segments: readonly string[]; route: Route }[] = [];

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      if (route.path.includes(':')) this.#patterns.push({ segments: route.path.split('/'), route });
      else this.#exact.set(route.path, route);
    }
  }

  /** @param path without a trailing slash */
  find(path: string): { route: Route; params: Record<string, string> } | undefined {
    const exact = this.#exact.get(path);
    if (exact !== undefined) return { route: exact, params: {} };
    const segments = path.split('/');
    for (const pattern of this.#patterns) {
      const params = match(pattern.segments, segments);
      if (params !== undefined) return { route: pattern.route, params };
    }
    return undefined;
  }
}

function match(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, wanted] of pattern.entries()) {
    const got = segments[i] ?? '';
    if (wanted.startsWith(':')) params[wanted.slice(1)] = got;
    else if (wanted !== got) return undefined;
  }
  return params;
}

/** Methods that a route answers, for `Allow`. */
export function allowed(route: Route): string {
  const methods = (['get', 'patch', 'put', 'post', 'delete'] as const).filter((m) => route[m] !== undefined);
  return methods.flatMap((m) => (m === 'get' ? ['GET', 'HEAD'] : [m.toUpperCase()])).join(', ');
}

export function isReply(answer: Body | Reply): answer is Reply {
  return typeof answer['status'] === 'number' && !('@odata.id' in answer);
}

/** A resource with the four properties that all have. */
export function resource(path: string, type: string, id: string, name: string, more: Body = {}): Body {
  return { '@odata.id': path, '@odata.type': `#${type}`, Id: id, Name: name, ...more };
}

/** A collection of links. @param type `ComputerSystemCollection.ComputerSystemCollection` is written from `ComputerSystem` */
export function collection(
  path: string,
  type: string,
  name: string,
  members: readonly string[],
  more: Body = {},
): Body {
  return {
    '@odata.id': path,
    '@odata.type': `#${type}Collection.${type}Collection`,
    Name: name,
    'Members@odata.count': members.length,
    Members: members.map(link),
    ...more,
  };
}

export function link(path: string): { '@odata.id': string } {
  return { '@odata.id': path };
}

export const OK_HEALTH = { State: 'Enabled', Health: 'OK' } as const;

export const NO_CONTENT: Reply = { status: 204 };

export function created(body: Body, headers: Record<string, string> = {}): Reply {
  return { status: 201, body, headers: { Location: String(body['@odata.id']), ...headers } };
}
