import type { RedfishCalls, Resource } from './calls.ts';
import { redfishErrors } from './errors.ts';
import { linkAt, linksAt, textAt } from './json.ts';

const ROOT = '/redfish/v1/';
const SYSTEMS = '/redfish/v1/Systems';
/** More would not help to choose. */
const MAX_LISTED = 16;

/**
 * The ComputerSystem behind an address (metal3-compat §3.2): the one at `path`, or the only one there is.
 * @param path of the address; empty and `/redfish/v1` mean that it names none
 * @param address for messages
 * @throws REDFISH_SYSTEM_NOT_FOUND, REDFISH_SYSTEM_AMBIGUOUS, both with what the BMC lists
 */
export async function findSystem(
  calls: RedfishCalls,
  path: string,
  address: string,
  signal: AbortSignal,
): Promise<Resource> {
  const wanted = path.replace(/\/+$/, '');
  if (wanted !== '' && wanted.replace(/^\/+/, '') !== 'redfish/v1') {
    const found = await calls.find(wanted, signal);
    if (found !== undefined && isSystem(found)) return found;
    const what = found === undefined ? 'the BMC has no such system' : `that is a ${typeOf(found)}, not a system`;
    throw notFound(`${address}: ${what}`, await systemPaths(calls, signal));
  }
  const paths = await systemPaths(calls, signal);
  const [only, ...others] = paths;
  if (only === undefined) throw notFound(`${address}: the BMC lists no system`, []);
  if (others.length > 0) {
    throw redfishErrors.make(
      'REDFISH_SYSTEM_AMBIGUOUS',
      `${address}: the BMC has ${paths.length} systems: ${listed(paths)}`,
      {
        seen: { systems: paths.slice(0, MAX_LISTED) },
      },
    );
  }
  return await calls.get(only, signal);
}

async function systemPaths(calls: RedfishCalls, signal: AbortSignal): Promise<readonly string[]> {
  const root = await calls.get(ROOT, signal);
  const collection = await calls.find(linkAt(root.body, 'Systems') ?? SYSTEMS, signal);
  return linksAt(collection?.body, 'Members');
}

function notFound(text: string, paths: readonly string[]) {
  const has = paths.length === 0 ? '' : `; it has ${listed(paths)}`;
  return redfishErrors.make('REDFISH_SYSTEM_NOT_FOUND', `${text}${has}`, {
    seen: { systems: paths.slice(0, MAX_LISTED) },
  });
}

function listed(paths: readonly string[]): string {
  return paths.slice(0, MAX_LISTED).join(', ') + (paths.length > MAX_LISTED ? ', …' : '');
}

/** `ComputerSystem` of `#ComputerSystem.v1_13_0.ComputerSystem`. */
function typeOf(resource: Resource): string {
  return /^#?([A-Za-z]+)/.exec(textAt(resource.body, '@odata.type') ?? '')?.[1] ?? 'resource without a type';
}

function isSystem(resource: Resource): boolean {
  const type = textAt(resource.body, '@odata.type');
  return type === undefined ? textAt(resource.body, 'PowerState') !== undefined : typeOf(resource) === 'ComputerSystem';
}
