import type { JsonObject, RedfishCalls, Resource } from './calls.ts';
import { redfishErrors } from './errors.ts';
import { objectsAt, textAt } from './json.ts';

const MAX_PAGES = 200;
const MAX_MEMBERS = 20_000;

/**
 * All members of a collection (DSP0266 §9.7): its pages, and members that came expanded. One that is gone by the time
 * it is read is left out.
 * @throws REDFISH_MALFORMED for pages without end
 */
export async function membersOf(calls: RedfishCalls, path: string, signal: AbortSignal): Promise<Resource[]> {
  const found: Resource[] = [];
  const seen = new Set<string>();
  let next: string | undefined = path;
  for (let page = 0; next !== undefined; page++) {
    if (page >= MAX_PAGES || seen.size > MAX_MEMBERS) {
      throw redfishErrors.make('REDFISH_MALFORMED', `the collection ${path} has no end`);
    }
    const collection: Resource = await calls.get(next, signal);
    for (const member of objectsAt(collection.body, 'Members')) {
      const link = textAt(member, '@odata.id');
      if (link === undefined || seen.has(link)) continue;
      seen.add(link);
      const resource = expanded(link, member) ?? (await calls.find(link, signal));
      if (resource !== undefined) found.push(resource);
    }
    next = textAt(collection.body, 'Members@odata.nextLink') ?? textAt(collection.body, '@odata.nextLink');
  }
  return found;
}

/** A member that is there whole, not as a link. */
function expanded(path: string, body: JsonObject): Resource | undefined {
  if (body['@odata.type'] === undefined && body['Id'] === undefined) return undefined;
  const etag = textAt(body, '@odata.etag');
  return { path, body, ...(etag === undefined ? {} : { etag }) };
}
