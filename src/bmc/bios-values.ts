import type { BiosAttribute, BiosValue } from './capabilities.ts';

/**
 * A setting as a person writes it, with the type that the machine has now or that its registry tells.
 * @returns undefined when the text is no value of that type
 */
export function biosValue(
  name: string,
  text: string,
  attributes: Readonly<Record<string, BiosValue>>,
  registry: readonly BiosAttribute[],
): BiosValue | undefined {
  const now = attributes[name];
  const type = registry.find((a) => a.name === name)?.type;
  if (type === 'Integer' || typeof now === 'number') return /^-?\d+$/.test(text) ? Number(text) : undefined;
  if (type === 'Boolean' || typeof now === 'boolean') {
    return text === 'true' || text === 'false' ? text === 'true' : undefined;
  }
  return text;
}

/**
 * What has to be set so that `wanted` holds; settings that are so already are left out.
 * @returns `bad`: names that the machine does not have, or whose value is of another type
 */
export function biosChanges(
  wanted: Readonly<Record<string, number | string>>,
  attributes: Readonly<Record<string, BiosValue>>,
  registry: readonly BiosAttribute[],
): { changes: Record<string, BiosValue>; bad: string[] } {
  const changes: Record<string, BiosValue> = {};
  const bad: string[] = [];
  for (const [name, value] of Object.entries(wanted)) {
    const typed = Object.hasOwn(attributes, name) ? biosValue(name, String(value), attributes, registry) : undefined;
    if (typed === undefined) bad.push(name);
    else if (typed !== attributes[name]) changes[name] = typed;
  }
  return { changes, bad };
}
