import type { ResourceType } from '../meta.ts';
import { OBJECT_META_SCHEMA } from '../validation/metadata.ts';
import type { Schema } from '../validation/schema.ts';
import type { CustomResourceDefinition, PrinterColumn } from './crd.ts';

/** Everything an API server has to know of one resource. */
export interface Resource {
  readonly type: ResourceType;
  readonly singular: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Of the whole object, apiVersion, kind and metadata included. */
  readonly schema: Schema;
  readonly columns: readonly PrinterColumn[];
  /** From a CustomResourceDefinition: keeps metadata.generation, needs a resourceVersion on replace. */
  readonly custom: boolean;
  /** Objects of this resource are made by the server only. */
  readonly readOnly: boolean;
}

/** Where objects of a resource are kept: `metal3.io/baremetalhosts`, `/secrets`. */
export function storageKey(type: ResourceType): string {
  return `${type.group}/${type.plural}`;
}

/** `baremetalhosts.metal3.io`, `secrets`: how errors name a resource. */
export function qualifiedResource(type: ResourceType): string {
  return type.group === '' ? type.plural : `${type.plural}.${type.group}`;
}

/** `BareMetalHost.metal3.io`, `Secret`: how validation errors name a kind. */
export function qualifiedKind(type: ResourceType): string {
  return type.group === '' ? type.kind : `${type.kind}.${type.group}`;
}

export const AGE_COLUMN: PrinterColumn = {
  name: 'Age',
  type: 'date',
  description: 'Time since the object was created.',
  jsonPath: '.metadata.creationTimestamp',
};

/** Adds apiVersion, kind and metadata to the schema of a kind. */
export function withObjectFields(schema: Schema): Schema {
  return {
    ...schema,
    type: 'object',
    properties: {
      apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
      kind: { type: 'string', description: 'Kind of this object.' },
      ...schema.properties,
      metadata: OBJECT_META_SCHEMA,
    },
  };
}

/** The resource that a CustomResourceDefinition declares, in its storage version. */
export function resourceOf(crd: CustomResourceDefinition): Resource {
  const { names, group, scope, versions } = crd.spec;
  const version = versions.find((v) => v.storage && v.served);
  if (version === undefined) throw new Error(`${crd.metadata.name}: no version is both served and stored`);
  return {
    type: {
      group,
      version: version.name,
      kind: names.kind,
      plural: names.plural,
      namespaced: scope === 'Namespaced',
      status: version.subresources?.status !== undefined,
    },
    singular: names.singular,
    listKind: names.listKind ?? `${names.kind}List`,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    schema: withObjectFields(version.schema.openAPIV3Schema),
    columns: version.additionalPrinterColumns ?? [AGE_COLUMN],
    custom: true,
    readOnly: false,
  };
}
