import { type Clock, kubeTime } from '../../core/clock.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from '../../api/meta.ts';
import type { Registry } from '../../api/registry/core-resources.ts';
import { type Resource, storageKey } from '../../api/registry/resource.ts';
import { NAMESPACE } from '../../api/resources.ts';
import { type Journal, parseRow } from './journal.ts';
import type { Row, Tables } from './sqlite.ts';

export type Propagation = 'Background' | 'Foreground' | 'Orphan';

const FOREGROUND = 'foregroundDeletion';

interface NamespaceObject extends KubeObject {
  spec?: { finalizers?: string[] };
  status?: { phase?: string };
}

/**
 * Deletion and what follows from it: finalizers, owner references, namespaces. What kube-controller-manager does some time
 * later happens here in the transaction of the deletion itself.
 */
export class Collector {
  readonly #tables: Tables;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #resources: Map<string, Resource>;
  readonly #namespaces: Resource;

  constructor(tables: Tables, journal: Journal, registry: Registry, clock: Clock) {
    this.#tables = tables;
    this.#journal = journal;
    this.#clock = clock;
    this.#resources = new Map(registry.all.map((r) => [storageKey(r.type), r]));
    this.#namespaces = registry.of(NAMESPACE);
  }

  /** @returns the object as it is now, or its last state when it is gone */
  delete(resource: Resource, object: KubeObject, propagation: Propagation): { object: KubeObject; removed: boolean } {
    if (object.metadata.deletionTimestamp !== undefined) return { object, removed: false };
    if (resource === this.#namespaces) return this.#deleteNamespace(object);
    const { uid = '' } = object.metadata;
    if (propagation === 'Orphan') this.#orphan(uid);
    const waits = propagation === 'Foreground' && this.#tables.dependents(uid).length > 0;
    const finalizers = [...(object.metadata.finalizers ?? []), ...(waits ? [FOREGROUND] : [])];
    if (finalizers.length === 0) return { object: this.#remove(resource, object), removed: true };
    const marked = this.#mark(resource, object, finalizers);
    if (!waits) return { object: marked, removed: false };
    for (const row of this.#tables.dependents(uid)) this.#deleteRow(row, 'Foreground');
    const left = this.#tables.get(storageKey(resource.type), object.metadata.namespace ?? '', object.metadata.name);
    return left === undefined ? { object: marked, removed: true } : { object: parseRow(left), removed: false };
  }

  /** To be called after an update: an object whose last finalizer went is removed. @returns was it removed? */
  afterUpdate(resource: Resource, object: KubeObject): boolean {
    if (object.metadata.deletionTimestamp === undefined || (object.metadata.finalizers ?? []).length > 0) return false;
    if (resource === this.#namespaces && ((object as NamespaceObject).spec?.finalizers ?? []).length > 0) return false;
    this.#remove(resource, object);
    return true;
  }

  /** Deletes an object whose owners were all gone when it was written: it would never be collected otherwise. */
  collectIfOrphan(resource: Resource, object: KubeObject): void {
    const owners = object.metadata.ownerReferences ?? [];
    if (owners.length === 0 || owners.some((o) => this.#tables.hasUid(o.uid))) return;
    this.delete(resource, object, 'Background');
  }

  #mark(resource: Resource, object: KubeObject, finalizers: string[]): KubeObject {
    const metadata: ObjectMeta = {
      ...object.metadata,
      deletionTimestamp: kubeTime(this.#clock.now()),
      deletionGracePeriodSeconds: 0,
    };
    if (finalizers.length > 0) metadata.finalizers = finalizers;
    if (metadata.generation !== undefined) metadata.generation++;
    return this.#journal.save(resource, { ...object, metadata }, object);
  }

  #remove(resource: Resource, object: KubeObject): KubeObject {
    const last = this.#journal.remove(resource, object);
    for (const row of this.#tables.dependents(object.metadata.uid ?? '')) this.#release(row);
    for (const owner of object.metadata.ownerReferences ?? []) this.#finishForeground(owner, object);
    if (resource.type.namespaced) this.#finishNamespace(object.metadata.namespace ?? '');
    return last;
  }

  /** One owner of this row's object is gone: the object goes too, unless another owner is left. */
  #release(row: Row): void {
    const object = parseRow(row);
    const owners = (object.metadata.ownerReferences ?? []).filter((o) => this.#tables.hasUid(o.uid));
    if (owners.length === 0) this.#deleteRow(row, 'Background');
    else this.#saveOwners(row, object, owners);
  }

  #orphan(uid: string): void {
    for (const row of this.#tables.dependents(uid)) {
      const object = parseRow(row);
      const owners = (object.metadata.ownerReferences ?? []).filter((o) => o.uid !== uid);
      this.#saveOwners(row, object, owners);
    }
  }

  #saveOwners(row: Row, object: KubeObject, owners: OwnerReference[]): void {
    const resource = this.#resources.get(row.kind);
    if (resource === undefined) return;
    const { ownerReferences: _, ...metadata } = object.metadata;
    const next: ObjectMeta = owners.length === 0 ? metadata : { ...metadata, ownerReferences: owners };
    this.#journal.save(resource, { ...object, metadata: next }, object);
  }

  #deleteRow(row: Row, propagation: Propagation): void {
    const resource = this.#resources.get(row.kind);
    const current = this.#tables.get(row.kind, row.namespace, row.name);
    if (resource !== undefined && current !== undefined) this.delete(resource, parseRow(current), propagation);
  }

  /** The owner may wait in a foreground deletion for the object that just went. */
  #finishForeground(owner: OwnerReference, gone: KubeObject): void {
    if (this.#tables.dependents(owner.uid).length > 0) return;
    const resource = [...this.#resources.values()].find((r) => r.type.kind === owner.kind);
    if (resource === undefined) return;
    const namespace = resource.type.namespaced ? (gone.metadata.namespace ?? '') : '';
    const row = this.#tables.get(storageKey(resource.type), namespace, owner.name);
    if (row === undefined || row.uid !== owner.uid) return;
    const object = parseRow(row);
    const finalizers = object.metadata.finalizers ?? [];
    if (!finalizers.includes(FOREGROUND)) return;
    const left = finalizers.filter((f) => f !== FOREGROUND);
    const { finalizers: _, ...metadata } = object.metadata;
    const next = { ...object, metadata: left.length === 0 ? metadata : { ...metadata, finalizers: left } };
    this.afterUpdate(resource, this.#journal.save(resource, next, object));
  }

  #deleteNamespace(object: NamespaceObject): { object: KubeObject; removed: boolean } {
    const { name } = object.metadata;
    const terminating: NamespaceObject = { ...object, status: { ...object.status, phase: 'Terminating' } };
    const marked = this.#mark(this.#namespaces, terminating, object.metadata.finalizers ?? []);
    for (const row of this.#tables.inNamespace(name)) this.#deleteRow(row, 'Background');
    this.#finishNamespace(name);
    const left = this.#tables.get(storageKey(NAMESPACE), '', name);
    return left === undefined ? { object: marked, removed: true } : { object: parseRow(left), removed: false };
  }

  /** A namespace that is being deleted goes when its last object has gone. */
  #finishNamespace(name: string): void {
    const row = this.#tables.get(storageKey(NAMESPACE), '', name);
    if (row === undefined) return;
    const object: NamespaceObject = parseRow(row);
    if (object.metadata.deletionTimestamp === undefined || this.#tables.inNamespace(name).length > 0) return;
    const finalizers = (object.spec?.finalizers ?? []).filter((f) => f !== 'kubernetes');
    const finished = { ...object, spec: { finalizers } };
    this.afterUpdate(this.#namespaces, this.#journal.save(this.#namespaces, finished, object));
  }
}
