import { cliErrors } from '../api-client.ts';

export interface Named {
  /** As the BMC has it, on Redfish a path. */
  id: string;
  name: string;
}

/**
 * The one that a person means: by its id, by the end of its id (`CD` of `/redfish/v1/…/VirtualMedia/CD`), or by name.
 * @param what for the message: `slot`
 * @throws CLI_ARGUMENT with all there are when it is none of them, or more than one
 */
export function pick<T extends Named>(what: string, text: string, known: readonly T[]): T {
  const ways: ((one: T) => boolean)[] = [
    (one) => one.id === text,
    (one) => shortId(one.id) === text,
    (one) => one.name === text,
    (one) => shortId(one.id).toLowerCase() === text.toLowerCase(),
  ];
  for (const way of ways) {
    const [found, another] = known.filter(way);
    if (found === undefined) continue;
    if (another === undefined) return found;
    throw cliErrors.make('CLI_ARGUMENT', `more than one ${what} is called "${text}"`, {
      hint: `give the whole id: ${known.map((one) => one.id).join(', ')}`,
    });
  }
  const all = known.map((one) => shortId(one.id)).join(', ');
  throw cliErrors.make('CLI_ARGUMENT', `there is no ${what} "${text}"`, {
    hint: all === '' ? `this machine has no ${what} at all` : `there are ${all}`,
  });
}

/** What tells one from its like: the end of a path. */
export function shortId(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1);
}
