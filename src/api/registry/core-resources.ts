import { apiVersionOf, type ResourceType } from '../meta.ts';
import { CONFIG_MAP, EVENT, LEASE, NAMESPACE, SECRET } from '../resources.ts';
import type { Schema } from '../validation/schema.ts';
import {
  CONFIG_MAP_SCHEMA,
  CRD_SCHEMA,
  EVENT_SCHEMA,
  LEASE_SCHEMA,
  NAMESPACE_SCHEMA,
  SECRET_SCHEMA,
} from './core-schemas.ts';
import type { CustomResourceDefinition, PrinterColumn } from './crd.ts';
import { AGE_COLUMN, type Resource, resourceOf, withObjectFields } from './resource.ts';

export const CUSTOM_RESOURCE_DEFINITION: ResourceType<CustomResourceDefinition> = Object.freeze({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
  status: true,
});

interface CoreFacts {
  shortNames?: string[];
  columns?: PrinterColumn[];
  readOnly?: boolean;
}

function coreResource(type: ResourceType, schema: Schema, facts: CoreFacts = {}): Resource {
  return {
    type,
    singular: type.kind.toLowerCase(),
    listKind: `${type.kind}List`,
    shortNames: facts.shortNames ?? [],
    categories: [],
    schema: withObjectFields(schema),
    columns: facts.columns ?? [AGE_COLUMN],
    custom: false,
    readOnly: facts.readOnly ?? false,
  };
}

/** Columns that kube-apiserver computes in code have an empty path here; `apiserver/columns.ts` computes them. */
const column = (
  name: string,
  jsonPath: string,
  type: PrinterColumn['type'] = 'string',
  priority = 0,
): PrinterColumn => ({
  name,
  type,
  jsonPath,
  priority,
});

export const CORE_RESOURCES: readonly Resource[] = [
  coreResource(NAMESPACE, NAMESPACE_SCHEMA, {
    shortNames: ['ns'],
    columns: [column('Status', '.status.phase'), AGE_COLUMN],
  }),
  coreResource(SECRET, SECRET_SCHEMA, {
    columns: [column('Type', '.type'), column('Data', '', 'integer'), AGE_COLUMN],
  }),
  coreResource(CONFIG_MAP, CONFIG_MAP_SCHEMA, {
    shortNames: ['cm'],
    columns: [column('Data', '', 'integer'), AGE_COLUMN],
  }),
  coreResource(EVENT, EVENT_SCHEMA, {
    shortNames: ['ev'],
    columns: [
      column('Last Seen', ''),
      column('Type', '.type'),
      column('Reason', '.reason'),
      column('Object', ''),
      column('Subobject', '.involvedObject.fieldPath', 'string', 1),
      column('Source', '', 'string', 1),
      column('Message', '.message'),
      column('First Seen', '', 'string', 1),
      column('Count', '.count', 'string', 1),
      column('Name', '.metadata.name', 'string', 1),
    ],
  }),
  coreResource(LEASE, LEASE_SCHEMA, { columns: [column('Holder', '.spec.holderIdentity'), AGE_COLUMN] }),
  coreResource(CUSTOM_RESOURCE_DEFINITION, CRD_SCHEMA, {
    shortNames: ['crd', 'crds'],
    columns: [column('Created At', '.metadata.creationTimestamp')],
    readOnly: true,
  }),
];

/** The resources one API serves: the core ones and those of the given definitions. */
export class Registry {
  readonly all: readonly Resource[];
  readonly crds: readonly CustomResourceDefinition[];

  constructor(crds: readonly CustomResourceDefinition[]) {
    this.crds = crds;
    this.all = [...CORE_RESOURCES, ...crds.map(resourceOf)];
  }

  /** By URL: group, version and plural name. */
  find(group: string, version: string, plural: string): Resource | undefined {
    return this.all.find((r) => r.type.group === group && r.type.version === version && r.type.plural === plural);
  }

  /** By type object, as rooms that use `Store` hold it. */
  of(type: ResourceType): Resource {
    const found = this.find(type.group, type.version, type.plural);
    if (found === undefined) throw new Error(`no definition of ${type.plural} in ${apiVersionOf(type)} was loaded`);
    return found;
  }
}
