import type { KubeObject, ObjectKey, ResourceType } from '../api/meta.ts';

/**
 * The seam between Ingot and where objects live. Two implementations: `embedded/` (SQLite) and `kube/` (a kube-apiserver).
 * Both pass the one contract suite in `test/store/contract.ts`. Semantics are Kubernetes': optimistic concurrency by
 * resourceVersion, status only through its own calls where the type has the subresource, deletion waits for finalizers.
 * Every method throws an error of `storeErrors` (see `errors.ts`) or the signal's reason.
 */
export interface Store {
  /** @throws STORE_NOT_FOUND */
  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<T>;
  /** Everything of a type; `namespace` undefined means all namespaces. Implementations page as they must. */
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<T[]>;
  /**
   * The current objects as `added`, then `synced` once, then changes until `signal` aborts (the iteration then just
   * ends). Lost connections, 410 and missed deletions are mended inside: consumers see a consistent, level-triggered feed
   * and may see the same state twice.
   */
  watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncIterable<StoreEvent<T>>;
  /** Returns the stored object. @throws STORE_ALREADY_EXISTS, STORE_INVALID */
  create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T>;
  /** Replaces metadata and spec (not status, where it is a subresource). @throws STORE_CONFLICT on a stale resourceVersion */
  update<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T>;
  /** Replaces the status alone. @throws STORE_CONFLICT, STORE_NOT_FOUND, STORE_INVALID */
  updateStatus<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T>;
  /** RFC 7396 merge patch; put `metadata.resourceVersion` in it to make it conditional. */
  patch<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, mergePatch: MergePatch): Promise<T>;
  patchStatus<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, mergePatch: MergePatch): Promise<T>;
  /** Sets deletionTimestamp, or removes at once when there are no finalizers. @throws STORE_NOT_FOUND */
  delete<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: { uid?: string }): Promise<void>;
}

export type MergePatch = Record<string, unknown>;

export interface ListOptions {
  namespace?: string;
  /** Equality only: all must match. */
  labels?: Record<string, string>;
}

export interface WatchOptions extends ListOptions {
  signal: AbortSignal;
}

export type StoreEvent<T> =
  | { type: 'added' | 'modified' | 'deleted'; object: T }
  /** The initial set has been delivered. */
  | { type: 'synced' };
