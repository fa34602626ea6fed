import { type KubeObject, type ObjectKey, keyOf } from '../api/meta.ts';
import type { Resource } from '../api/registry/resource.ts';
import type { PageOptions, RawStore } from '../store/raw.ts';
import { storeErrors } from '../store/errors.ts';
import { badRequest } from './api-error.ts';
import { number } from './options.ts';
import { type Matcher, fieldMatcher, labelMatcher } from './selectors.ts';
import type { View } from './views.ts';

/** Where the next page of a list starts, and the revision the first page was read at. */
interface Continuation {
  rv: number;
  after: ObjectKey;
}

/** The selectors of a request as one predicate. @throws ApiError 400 */
export function matcherOf(resource: Resource, query: URLSearchParams, name?: string): Matcher | undefined {
  const checks = [
    labelMatcher(query.get('labelSelector') ?? ''),
    fieldMatcher(query.get('fieldSelector') ?? '', resource.type.kind),
    name === undefined ? undefined : (object: KubeObject) => object.metadata.name === name,
  ].filter((check) => check !== undefined);
  return checks.length === 0 ? undefined : (object) => checks.every((check) => check(object));
}

/** Namespace and selectors of a request, as the store takes them. */
export function selection(
  resource: Resource,
  namespace: string | undefined,
  query: URLSearchParams,
  name?: string,
): Pick<PageOptions, 'namespace' | 'matches'> {
  const matches = matcherOf(resource, query, name);
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(matches === undefined ? {} : { matches }),
  };
}

/**
 * A list, or one page of it. Later pages carry the first page's resourceVersion: a watch from there tells everything that
 * changed while the pages were read.
 * @throws ApiError 400; STORE_EXPIRED for a continue token of a revision that is gone
 */
export function listObjects(
  store: RawStore,
  resource: Resource,
  namespace: string | undefined,
  query: URLSearchParams,
  view: View,
): unknown {
  const limit = number(query, 'limit');
  const token = query.get('continue') ?? '';
  const from = token === '' ? undefined : readToken(token);
  if (from !== undefined && from.rv > store.revision()) {
    throw storeErrors.make(
      'STORE_EXPIRED',
      'The provided continue parameter is too old to display a consistent list result.',
    );
  }
  const page = store.page(resource, {
    ...selection(resource, namespace, query),
    ...(limit === undefined || limit === 0 ? {} : { limit }),
    ...(from === undefined ? {} : { after: from.after }),
  });
  const rv = from?.rv ?? page.revision;
  const last = page.items.at(-1);
  const next = page.more && last !== undefined ? makeToken(rv, keyOf(last)) : '';
  return view.list(page.items, {
    resourceVersion: String(rv),
    ...(next === '' ? {} : { continue: next }),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
  });
}

function makeToken(rv: number, after: ObjectKey): string {
  return Buffer.from(JSON.stringify([rv, after.namespace, after.name])).toString('base64url');
}

function readToken(token: string): Continuation {
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (Array.isArray(parts) && parts.length === 3) {
      const [rv, namespace, name] = parts as unknown[];
      if (typeof rv === 'number' && typeof namespace === 'string' && typeof name === 'string') {
        return { rv, after: { namespace, name } };
      }
    }
  } catch {
    // Falls through: whatever it was, it is not one of our tokens.
  }
  throw badRequest('continue key is not valid');
}
