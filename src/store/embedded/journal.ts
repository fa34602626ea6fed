import type { Clock } from '../../core/clock.ts';
import type { KubeObject } from '../../api/meta.ts';
import { type Resource, storageKey } from '../../api/registry/resource.ts';
import { jsonEqual } from '../../api/validation/schema.ts';
import type { Row, Tables } from './sqlite.ts';

/** Writes objects and their changes: every write takes the next revision. Only to be used inside a transaction. */
export class Journal {
  readonly #tables: Tables;
  readonly #clock: Clock;

  constructor(tables: Tables, clock: Clock) {
    this.#tables = tables;
    this.#clock = clock;
  }

  /** @param before the stored object, absent on creation. @returns the object with its new resourceVersion */
  save(resource: Resource, object: KubeObject, before?: KubeObject): KubeObject {
    const { stored, row } = this.#stamp(resource, object);
    this.#tables.put(
      row,
      (stored.metadata.ownerReferences ?? []).map((o) => o.uid),
    );
    const relabelled = before !== undefined && !jsonEqual(before.metadata.labels, stored.metadata.labels);
    const change = {
      rv: row.rv,
      type: before === undefined ? ('ADDED' as const) : ('MODIFIED' as const),
      namespace: row.namespace,
      body: row.body,
      old: relabelled ? JSON.stringify(before) : null,
    };
    this.#tables.addChange(row.kind, change, this.#clock.now());
    return stored;
  }

  /** @returns the last state, with the revision of its removal */
  remove(resource: Resource, object: KubeObject): KubeObject {
    const { stored, row } = this.#stamp(resource, object);
    this.#tables.remove(row);
    const change = { rv: row.rv, type: 'DELETED' as const, namespace: row.namespace, body: row.body, old: null };
    this.#tables.addChange(row.kind, change, this.#clock.now());
    return stored;
  }

  #stamp(resource: Resource, object: KubeObject): { stored: KubeObject; row: Row } {
    const rv = this.#tables.getMeta('revision') + 1;
    this.#tables.setMeta('revision', rv);
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(rv) } };
    const row: Row = {
      kind: storageKey(resource.type),
      namespace: object.metadata.namespace ?? '',
      name: object.metadata.name,
      uid: object.metadata.uid ?? '',
      rv,
      body: JSON.stringify(stored),
    };
    return { stored, row };
  }
}

export function parseRow(row: Row): KubeObject {
  return JSON.parse(row.body) as KubeObject;
}
