import type { KubeObject, OwnerReference } from '../api/meta.ts';

/** A reference that lets the owned object go with its owner, and says nothing of control. */
export function ownedBy(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '' };
}

/** The owners of `object` with one more; undefined when it is among them. */
export function withOwner(object: KubeObject, owner: OwnerReference): OwnerReference[] | undefined {
  const owners = object.metadata.ownerReferences ?? [];
  return owners.some((o) => o.uid === owner.uid) ? undefined : [...owners, owner];
}
