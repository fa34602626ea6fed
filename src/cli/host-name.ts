import type { ObjectKey } from '../api/meta.ts';

/** A host as people name it: `NAME`, or `NAMESPACE/NAME` as Ingot's own messages do. */
export function hostName(text: string, namespace: string): ObjectKey {
  const slash = text.indexOf('/');
  return slash <= 0 ? { namespace, name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}
