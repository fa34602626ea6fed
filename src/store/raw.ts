import type { KubeObject, ObjectKey } from '../api/meta.ts';
import type { Registry } from '../api/registry/core-resources.ts';
import type { Resource } from '../api/registry/resource.ts';

/**
 * What an API server needs of a store beyond `Store`: revisions, pages, resumable watches, dry runs, field managers.
 * The embedded store implements it; `apiserver/` is written against it. Reads and writes are synchronous, so that a
 * read-modify-write is one step and a patch never conflicts with itself. All methods throw errors of `storeErrors`.
 */
export interface RawStore {
  readonly registry: Registry;
  /** Revision of the last write; resourceVersions are revisions. */
  revision(): number;
  /** @throws STORE_NOT_FOUND */
  read(resource: Resource, key: ObjectKey): KubeObject;
  page(resource: Resource, options: PageOptions): Page;
  /**
   * Changes after `revision`, until `signal` aborts (the iteration then just ends).
   * @throws STORE_EXPIRED when changes after `revision` have been compacted away
   */
  changes(resource: Resource, revision: number, options: ChangesOptions): AsyncIterable<RawChange>;
  createObject(resource: Resource, object: KubeObject, context: WriteContext): KubeObject;
  /**
   * Replaces an object, or its status when the context says so, by what `change` makes of the stored one. Fields the
   * client may not set are put right afterwards, as in any update.
   */
  updateObject(
    resource: Resource,
    key: ObjectKey,
    context: WriteContext,
    change: (live: KubeObject) => KubeObject,
  ): KubeObject;
  /** Server-side apply. @throws STORE_CONFLICT with one cause per field that another manager owns, unless forced */
  applyObject(resource: Resource, key: ObjectKey, config: KubeObject, context: ApplyContext): ApplyResult;
  deleteObject(resource: Resource, key: ObjectKey, options: DeleteOptions): DeleteResult;
}

export interface PageOptions {
  namespace?: string;
  matches?: (object: KubeObject) => boolean;
  limit?: number;
  /** The page starts after this object. */
  after?: ObjectKey;
}

export interface Page {
  items: KubeObject[];
  /** Revision at which the page was read. */
  revision: number;
  /** Is there more after the last item? */
  more: boolean;
  /** How many more; only known where nothing was selected by label or field. */
  remaining?: number;
}

export interface ChangesOptions {
  namespace?: string;
  matches?: (object: KubeObject) => boolean;
  signal: AbortSignal;
  /** Called when everything up to `revision` has been delivered: a watch may be resumed from there. */
  onIdle?: (revision: number) => void;
}

export interface RawChange {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: KubeObject;
  revision: number;
}

export interface WriteContext {
  /** Name of the field manager, kept in metadata.managedFields. */
  manager: string;
  subresource?: 'status';
  /** Do everything but keep the result. */
  dryRun?: boolean;
  /** Receives the paths of fields that the schema does not know and that were dropped. */
  unknownFields?: string[];
  /** Refuse instead of dropping. */
  strict?: boolean;
  /** Paths of fields that the client gave twice, for the refusal. */
  duplicateFields?: readonly string[];
}

export interface ApplyContext extends WriteContext {
  force: boolean;
}

export interface ApplyResult {
  object: KubeObject;
  created: boolean;
}

export interface DeleteOptions {
  uid?: string;
  resourceVersion?: string;
  propagation?: 'Background' | 'Foreground' | 'Orphan';
  dryRun?: boolean;
}

export interface DeleteResult {
  object: KubeObject;
  /** false: the object waits for its finalizers. */
  removed: boolean;
}

/** One entry of a Kubernetes Status' `details.causes`; carried in `seen.causes` of store errors. */
export interface StatusCause {
  reason: string;
  message: string;
  field: string;
}
