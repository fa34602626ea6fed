import { createHash } from 'node:crypto';
import { errorText } from '../../core/errors.ts';
import { simErrors } from '../errors.ts';
import { expanded, passQuery } from './query.ts';
import { Refusal } from './messages.ts';
import { ROOT } from './paths.ts';
import { type Body, type Call, type Method, type Reply, type Route, type Router, allowed, isReply } from './router.ts';
import type { RedfishService } from './service.ts';
import { type Account, ROLES } from './state/accounts.ts';

/** A request as it came off the wire, whole. */
export interface Request {
  method: string;
  /** Path and query. */
  target: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: Uint8Array;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

/**
 * What the service answers to a request: DSP0266 in the order that it asks for (authentication before everything else),
 * bent by the quirks of the personality. Never throws.
 */
export async function answer(service: RedfishService, router: Router, request: Request): Promise<Answer> {
  const headers: Record<string, string> = { 'OData-Version': '4.0', 'Cache-Control': 'no-cache' };
  try {
    const reply = await run(service, router, request, headers);
    return written(reply, headers, request.method === 'HEAD');
  } catch (error) {
    return refused(service, error, headers, request.method === 'HEAD');
  }
}

async function run(
  service: RedfishService,
  router: Router,
  request: Request,
  headers: Answer['headers'],
): Promise<Reply> {
  const url = new URL(request.target, 'http://bmc');
  const path = url.pathname.length > 1 && url.pathname.endsWith('/') ? url.pathname.slice(0, -1) : url.pathname;
  const found = router.find(path);
  const method = METHODS[request.method];
  const account = authenticate(service, request.headers);
  const free =
    (found?.route.open === true && method === 'get') || (found?.route.openPost === true && method === 'post');
  if (account === undefined && !free) {
    throw new Refusal(401, 'NoValidSession', [], { headers: { 'WWW-Authenticate': 'Basic realm="Redfish"' } });
  }
  const identity = request.headers['accept-encoding'] === 'identity';
  if (identity && path.startsWith(`${ROOT}/Registries/`) && service.quirks.has('identity-refused')) {
    throw new Refusal(406, 'NotAcceptable');
  }
  if (found === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [path.slice(0, 200)]);
  const { route, params } = found;
  if (method === undefined) throw new Refusal(501, 'ActionNotSupported', [request.method]);
  if (route[method] === undefined) {
    throw new Refusal(405, 'OperationNotAllowed', [], { headers: { Allow: allowed(route) } });
  }
  if (method === 'get') headers['Allow'] = allowed(route);
  authorize(route, method, account, path);
  checkHeaders(request, route, method);
  const call: Call = {
    service,
    params,
    path,
    query: url.searchParams,
    headers: request.headers,
    account,
    hasBody: request.body.length > 0,
    bytes: request.body,
    body: method === 'get' || route.anyBody === true ? {} : parseBody(request.body),
  };
  return method === 'get' ? read(call, router, route, headers) : write(call, route, method, headers);
}

const METHODS: Readonly<Record<string, Method>> = {
  GET: 'get',
  HEAD: 'get',
  PATCH: 'patch',
  PUT: 'put',
  POST: 'post',
  DELETE: 'delete',
};

function authenticate(service: RedfishService, headers: Request['headers']): Account | undefined {
  const token = headers['x-auth-token'];
  if (typeof token === 'string') return service.sessions.use(token)?.account;
  const basic = /^Basic ([\w+/=]+)$/i.exec(String(headers['authorization'] ?? ''))?.[1];
  if (basic === undefined) return undefined;
  const text = Buffer.from(basic, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : service.accounts.check(text.slice(0, colon), text.slice(colon + 1));
}

function authorize(route: Route, method: Method, account: Account | undefined, path: string): void {
  if (account === undefined) return;
  const own = path === `/redfish/v1/AccountService/Accounts/${account.id}`;
  if (account.mustChange && !(own && (method === 'get' || method === 'patch'))) {
    if (!(route.openPost === true && method === 'post') && route.open !== true) {
      throw new Refusal(403, 'PasswordChangeRequired', [`/redfish/v1/AccountService/Accounts/${account.id}`]);
    }
  }
  const needed = method === 'get' ? (route.readPrivilege ?? 'Login') : (route.privilege ?? 'ConfigureComponents');
  if (route.openPost === true && method === 'post') return;
  if (!ROLES[account.role].includes(needed)) throw new Refusal(403, 'InsufficientPrivilege');
}

function checkHeaders(request: Request, route: Route, method: Method): void {
  const version = request.headers['odata-version'];
  if (version !== undefined && version !== '4.0') throw new Refusal(412, 'HeaderInvalid', ['OData-Version']);
  const accept = String(request.headers['accept'] ?? '*/*');
  if (method === 'get' && !/\*\/\*|application\/(\*|json|xml|yaml)/i.test(accept)) {
    throw new Refusal(406, 'NotAcceptable');
  }
  const type = String(request.headers['content-type'] ?? 'application/json');
  if (method !== 'get' && request.body.length > 0 && route.anyBody !== true && !/^application\/json\b/i.test(type)) {
    throw new Refusal(415, 'HeaderInvalid', ['Content-Type']);
  }
}

function parseBody(bytes: Uint8Array): Body {
  if (bytes.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw new Refusal(400, 'MalformedJSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refusal(400, 'UnrecognizedRequestBody');
  }
  return value as Body;
}

function read(call: Call, router: Router, route: Route, headers: Answer['headers']): Reply {
  passQuery(call);
  const result = route.get?.(call);
  if (result === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [call.path.slice(0, 200)]);
  if (isReply(result)) {
    headers['Link'] = '</redfish/v1/$metadata>; rel=describedby';
    return result;
  }
  const schema = /^#(.+)\.\w+$/.exec(String(result['@odata.type']))?.[1] ?? 'Resource';
  headers['Link'] = `<http://redfish.dmtf.org/schemas/v1/${schema}.json>; rel=describedby`;
  const etag = etagOf(call.service, route, result);
  if (etag === undefined) return { status: 200, body: expanded(call, router, result) };
  headers['ETag'] = etag;
  if (call.headers['if-none-match'] === etag) return { status: 304 };
  return { status: 200, body: { ...expanded(call, router, result), '@odata.etag': etag } };
}

async function write(call: Call, route: Route, method: Method, headers: Answer['headers']): Promise<Reply> {
  const { service } = call;
  const current = method === 'post' ? undefined : route.get?.(call);
  if (method !== 'post' && route.get !== undefined && current === undefined) {
    throw new Refusal(404, 'ResourceMissingAtURI', [call.path.slice(0, 200)]);
  }
  if (current !== undefined && !isReply(current)) checkMatch(call, etagOf(service, route, current), method);
  const handler = method === 'get' ? undefined : route[method];
  if (handler === undefined) throw new Refusal(405, 'OperationNotAllowed', [], { headers: { Allow: allowed(route) } });
  const reply = await handler(call);
  if (reply.body === undefined || !('@odata.id' in reply.body) || reply.status === 202) return reply;
  const etag = etagOf(service, route, reply.body);
  if (etag === undefined) return reply;
  headers['ETag'] = etag;
  return { ...reply, body: { ...reply.body, '@odata.etag': etag } };
}

/** If-Match against the resource as it is now (DSP0266 §6.5). */
function checkMatch(call: Call, etag: string | undefined, method: Method): void {
  const { quirks } = call.service;
  const wanted = call.headers['if-match'];
  if (wanted === undefined) {
    if (method === 'patch' && etag !== undefined && quirks.has('if-match-required')) {
      throw new Refusal(428, 'PreconditionRequired');
    }
    return;
  }
  const form = quirks.find('etags')?.form;
  if (form === 'refuses-if-match') throw new Refusal(412, 'PreconditionFailed');
  if (wanted === '*' || etag === undefined) return;
  const right = form === 'weak-read-strong-write' ? etag.replace(/^W\//, '') : etag;
  if (!String(wanted).split(/,\s*/).includes(right)) throw new Refusal(412, 'PreconditionFailed');
}

/** Changes with the resource, but not with its clock (DSP0266 §6.5). */
function etagOf(service: RedfishService, route: Route, body: Body): string | undefined {
  const form = service.quirks.find('etags')?.form;
  if (route.noEtag === true || form === 'none') return undefined;
  const text = JSON.stringify(body, (key, value: unknown) => (key === 'DateTime' ? undefined : value));
  const tag = `"${createHash('sha1').update(text).digest('base64url').slice(0, 12)}"`;
  return form === 'weak' || form === 'weak-read-strong-write' ? `W/${tag}` : tag;
}

function written(reply: Reply, headers: Answer['headers'], head: boolean): Answer {
  const all = { ...headers, ...reply.headers };
  if (reply.raw !== undefined) {
    return {
      status: reply.status,
      headers: { ...all, 'Content-Type': reply.raw.type },
      text: head ? '' : reply.raw.text,
    };
  }
  if (reply.body === undefined) return { status: reply.status, headers: all, text: '' };
  return {
    status: reply.status,
    headers: { ...all, 'Content-Type': 'application/json;charset=utf-8' },
    text: head ? '' : JSON.stringify(reply.body),
  };
}

function refused(service: RedfishService, error: unknown, headers: Answer['headers'], head: boolean): Answer {
  const refusal = asRefusal(service, error);
  const pages = service.quirks.find('error-pages');
  const all = { ...headers, ...refusal.headers };
  if (pages?.statuses.includes(refusal.status) === true) {
    const html = `<html><head><title>${refusal.status}</title></head><body><h1>Error ${refusal.status}</h1></body></html>`;
    const [type, text] = pages.form === 'html' ? ['text/html', html] : ['text/plain', `Error ${refusal.status}`];
    return { status: refusal.status, headers: { ...all, 'Content-Type': type }, text: head ? '' : text };
  }
  return {
    status: refusal.status,
    headers: { ...all, 'Content-Type': 'application/json;charset=utf-8' },
    text: head ? '' : JSON.stringify(refusal.body(service.quirks.has('extended-info-object'))),
  };
}

/** Errors of the machine behind the BMC become answers. */
function asRefusal(service: RedfishService, error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (simErrors.is(error, 'SIM_NOT_POWERED')) return new Refusal(409, 'ResourceInUse');
  if (simErrors.is(error, 'SIM_BOOT_DEVICE_UNSUPPORTED')) {
    return new Refusal(400, 'PropertyValueConflict', ['BootSourceOverrideTarget', 'the machine']);
  }
  service.log.warn('Redfish request failed', { error: errorText(error) });
  return new Refusal(500, 'InternalError');
}
