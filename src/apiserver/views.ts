import { type KubeObject, apiVersionOf } from '../api/meta.ts';
import type { Resource } from '../api/registry/resource.ts';
import { type Column, columnsOf } from './columns.ts';
import type { Negotiated } from './media.ts';

/** How much of each object a table row carries along. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface ListFacts {
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

/** Turns objects into the shape a client asked for. One per request: compiled columns are kept. */
export class View {
  readonly #resource: Resource;
  readonly #negotiated: Negotiated;
  readonly #include: IncludeObject;
  readonly #now: () => number;
  #columns: Column[] | undefined;

  constructor(resource: Resource, negotiated: Negotiated, include: IncludeObject, now: () => number) {
    this.#resource = resource;
    this.#negotiated = negotiated;
    this.#include = include;
    this.#now = now;
  }

  one(object: KubeObject): unknown {
    if (this.#negotiated.view === 'table') {
      return this.#table([object], { resourceVersion: object.metadata.resourceVersion ?? '' });
    }
    return this.#negotiated.view === 'metadata' ? this.#partial(object) : object;
  }

  list(items: readonly KubeObject[], metadata: ListFacts): unknown {
    if (this.#negotiated.view === 'table') return this.#table(items, metadata);
    if (this.#negotiated.view === 'metadata') {
      const apiVersion = `meta.k8s.io/${this.#negotiated.metaVersion}`;
      const partial = items.map((item) => this.#partial(item));
      return { kind: 'PartialObjectMetadataList', apiVersion, metadata, items: partial };
    }
    const { listKind, type } = this.#resource;
    return { kind: listKind, apiVersion: apiVersionOf(type), metadata, items };
  }

  /** A bookmark has no rows: only its version counts. */
  bookmark(resourceVersion: string): unknown {
    if (this.#negotiated.view === 'table') return this.#table([], { resourceVersion });
    const { kind } = this.#resource.type;
    return {
      kind,
      apiVersion: apiVersionOf(this.#resource.type),
      metadata: { resourceVersion, creationTimestamp: null },
    };
  }

  /** Objects of a watch: column definitions come with the first table only. */
  event(object: KubeObject, first: boolean): unknown {
    const shown = this.one(object);
    return this.#negotiated.view === 'table' && !first ? { ...(shown as object), columnDefinitions: null } : shown;
  }

  #table(items: readonly KubeObject[], metadata: ListFacts): unknown {
    this.#columns ??= columnsOf(this.#resource);
    const columns = this.#columns;
    const now = this.#now();
    return {
      kind: 'Table',
      apiVersion: `meta.k8s.io/${this.#negotiated.metaVersion}`,
      metadata,
      columnDefinitions: columns.map((c) => c.definition),
      rows: items.map((item) => ({
        cells: columns.map((c) => c.cell(item, now)),
        ...(this.#include === 'None' ? {} : { object: this.#include === 'Object' ? item : this.#partial(item) }),
      })),
    };
  }

  #partial(object: KubeObject): unknown {
    const apiVersion = `meta.k8s.io/${this.#negotiated.metaVersion}`;
    return { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata };
  }
}
