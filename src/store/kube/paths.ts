import type { ObjectKey, ResourceType } from '../../api/meta.ts';
import type { ListOptions } from '../store.ts';

/** URL path of a collection, or of all namespaces when `namespace` is undefined. */
export function collectionPath(type: ResourceType, namespace: string | undefined): string {
  const base = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = type.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${base}${scope}/${type.plural}`;
}

/** URL path of one object or of its status subresource. */
export function objectPath(type: ResourceType, key: ObjectKey, subresource?: 'status'): string {
  const object = `${collectionPath(type, type.namespaced ? key.namespace : undefined)}/${encodeURIComponent(key.name)}`;
  return subresource === undefined ? object : `${object}/${subresource}`;
}

/** Query of a list or watch: equality label selector and whatever the caller adds. */
export function listQuery(options: ListOptions, extra: Record<string, string>): Record<string, string> {
  const labels = Object.entries(options.labels ?? {}).map(([k, v]) => `${k}=${v}`);
  return labels.length === 0 ? extra : { ...extra, labelSelector: labels.join(',') };
}
