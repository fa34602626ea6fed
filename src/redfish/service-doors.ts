import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { RedfishCalls, Resource } from './calls.ts';
import { IngotError } from '../core/errors.ts';
import { redfishErrors, refusalOf } from './errors.ts';
import { linkAt, linksAt } from './json.ts';

/** What a service of one machine works with. */
export interface ServiceDoors {
  calls: RedfishCalls;
  /** The ComputerSystem, read afresh. */
  system: (signal: AbortSignal) => Promise<Resource>;
  clock: Clock;
  log: Logger;
}

const ROOT = '/redfish/v1/';

/**
 * A service named by the service root, `UpdateService` or `EventService`.
 * @throws REDFISH_UNSUPPORTED when there is none or it is switched off
 */
export async function rootService(doors: ServiceDoors, name: string, signal: AbortSignal): Promise<Resource> {
  const root = await doors.calls.get(ROOT, signal);
  const link = linkAt(root.body, name);
  const service = link === undefined ? undefined : await doors.calls.find(link, signal);
  if (service === undefined || service.body['ServiceEnabled'] === false) {
    throw redfishErrors.make('REDFISH_UNSUPPORTED', `the BMC has no ${name}, or it is switched off`);
  }
  return service;
}

/** The Manager of the system: the standard link, else the first there is. */
export async function managerOf(doors: ServiceDoors, signal: AbortSignal): Promise<Resource> {
  const system = await doors.system(signal);
  const [link] = linksAt(system.body, 'Links', 'ManagedBy');
  if (link !== undefined) return doors.calls.get(link, signal);
  const root = await doors.calls.get(ROOT, signal);
  const managers = await membersAt(doors, linkAt(root.body, 'Managers'), signal);
  const [first] = managers;
  if (first === undefined) throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the BMC does not describe itself');
  return first;
}

/** Members of a collection that need not be there. */
export async function membersAt(
  doors: ServiceDoors,
  collection: string | undefined,
  signal: AbortSignal,
): Promise<Resource[]> {
  if (collection === undefined) return [];
  try {
    return await doors.calls.members(collection, signal);
  } catch (error) {
    if (redfishErrors.is(error, 'REDFISH_NOT_FOUND')) return [];
    throw error;
  }
}

const NOT_GIVEN = ['REDFISH_REFUSED', 'REDFISH_BUSY', 'REDFISH_LICENSE'] as const;

/** Like `membersAt`, and a collection that the BMC cannot give counts as empty: one broken list spoils no inspection. */
export async function membersIfAny(
  doors: ServiceDoors,
  collection: string | undefined,
  signal: AbortSignal,
): Promise<Resource[]> {
  try {
    return await membersAt(doors, collection, signal);
  } catch (error) {
    if (!NOT_GIVEN.some((code) => redfishErrors.is(error, code)) || !(error instanceof Error)) throw error;
    doors.log.debug('collection not readable', { collection, why: error.message });
    return [];
  }
}

/**
 * Tries forms of a request in order until one is taken; a 400 or its like is the only reason to go on. When none is, the
 * refusal tells what each form met: a BMC may object to the first for what is wrong, and to a later one for its form only.
 */
export async function firstTaken<F, T>(
  forms: readonly F[],
  send: (form: F) => Promise<T>,
  goOn: (error: unknown) => boolean,
): Promise<T> {
  const met: unknown[] = [];
  for (const form of forms) {
    try {
      return await send(form);
    } catch (error) {
      if (!goOn(error)) throw error;
      met.push(error);
    }
  }
  throw allRefused(met);
}

function allRefused([first, ...others]: readonly unknown[]): unknown {
  if (!(first instanceof IngotError)) return first;
  const said = new Set(refusalOf(first)?.texts);
  const more = new Set(others.flatMap((error) => refusalOf(error)?.texts ?? []).filter((text) => !said.has(text)));
  if (more.size === 0) return first;
  const message = `${first.message}; to other forms of the request: ${[...more].join(' ')}`;
  return new IngotError(first.code, first, message, { seen: first.seen, cause: first });
}
