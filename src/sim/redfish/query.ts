import { shown } from './check.ts';
import { Refusal } from './messages.ts';
import { type Body, type Call, type Router, isReply } from './router.ts';

const EXPAND = /^([.*~])(\(\$levels=(\d+)\))?$/;
const MAX_LEVELS = 2;

/** Refuses query parameters that the service does not have (DSP0266 §7.3). Those without a `$` are ignored. */
export function passQuery(call: Call): void {
  for (const [name, value] of call.query) {
    if (name === 'only') {
      if (value !== '') throw new Refusal(400, 'QueryParameterValueFormatError', [value.slice(0, 60), name]);
    } else if (name === '$expand') {
      const levels = EXPAND.exec(value);
      if (levels === null) throw new Refusal(400, 'QueryParameterValueFormatError', [value.slice(0, 60), name]);
      const depth = Number(levels[3] ?? 1);
      if (depth < 1 || depth > MAX_LEVELS) {
        throw new Refusal(400, 'QueryParameterOutOfRange', [String(depth), name, `1 to ${MAX_LEVELS}`]);
      }
    } else if (name.startsWith('$')) throw new Refusal(501, 'QueryNotSupported', [], { property: name });
  }
}

/** The resource with what `only` and `$expand` ask for. */
export function expanded(call: Call, router: Router, body: Body): Body {
  const members = body['Members'];
  if (call.query.has('only') && Array.isArray(members) && members.length === 1) {
    return fetched(call, router, members[0]) ?? body;
  }
  const levels = EXPAND.exec(call.query.get('$expand') ?? '');
  if (levels === null) return body;
  return deeper(call, router, body, Number(levels[3] ?? 1)) as Body;
}

/** Replaces links below this resource by what they name. Those to elsewhere (`Links`) stay links. */
function deeper(call: Call, router: Router, value: unknown, levels: number): unknown {
  if (levels === 0 || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((v) => replaced(call, router, v, levels));
  return Object.fromEntries(
    Object.entries(value).map(([key, v]) => [key, key === 'Links' ? v : replaced(call, router, v, levels)]),
  );
}

function replaced(call: Call, router: Router, value: unknown, levels: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((v) => replaced(call, router, v, levels));
  const names = Object.keys(value);
  if (names.length !== 1 || names[0] !== '@odata.id') return value;
  const body = fetched(call, router, value);
  return body === undefined ? value : deeper(call, router, body, levels - 1);
}

function fetched(call: Call, router: Router, link: unknown): Body | undefined {
  const path = shown((link as Body)['@odata.id']);
  const found = router.find(path);
  const result = found?.route.get?.({ ...call, path, params: found.params });
  return result === undefined || isReply(result) ? undefined : result;
}
