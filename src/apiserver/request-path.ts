/** What a URL path of the Kubernetes API names. */
export type PathTarget =
  | {
      kind: 'resource';
      group: string;
      version: string;
      plural: string;
      namespace?: string;
      name?: string;
      subresource?: string;
    }
  | { kind: 'other'; parts: string[] };

/**
 * Splits a URL path by the rules of the Kubernetes API. Pure; whether the resource exists is decided later.
 * @param path decoded nowhere yet; escapes are decoded per part
 */
export function parsePath(path: string): PathTarget {
  const parts = path
    .split('/')
    .filter((p) => p !== '')
    .map(decode);
  const [root, a, b] = parts;
  if (root === 'api' && a !== undefined && parts.length > 2) return resourcePath('', a, parts.slice(2));
  if (root === 'apis' && a !== undefined && b !== undefined && parts.length > 3) {
    return resourcePath(a, b, parts.slice(3));
  }
  return { kind: 'other', parts };
}

/** `namespaces/x/status` is about the namespace itself, `namespaces/x/secrets` is not. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

function resourcePath(group: string, version: string, rest: string[]): PathTarget {
  const scoped = rest[0] === 'namespaces' && rest.length > 2 && !NAMESPACE_SUBRESOURCES.has(rest[2] ?? '');
  const [plural = '', name, subresource, ...more] = scoped ? rest.slice(2) : rest;
  if (more.length > 0) return { kind: 'other', parts: rest };
  return {
    kind: 'resource',
    group,
    version,
    plural,
    ...(scoped ? { namespace: rest[1] ?? '' } : {}),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
