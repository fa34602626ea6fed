import type { Registry } from '../api/registry/core-resources.ts';
import type { Resource } from '../api/registry/resource.ts';
import { OBJECT_META_SCHEMA } from '../api/validation/metadata.ts';
import type { Schema } from '../api/validation/schema.ts';

/** A schema as OpenAPI documents carry it: structural schemas plus references and the kind marker. */
export type OpenApiSchema = Record<string, unknown>;

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/** `io.metal3.v1alpha1.BareMetalHost`, `io.k8s.api.core.v1.Secret`: names in Kubernetes' manner. */
export function definitionName(resource: Resource): string {
  const { group, version, kind } = resource.type;
  if (group === '') return `io.k8s.api.core.${version}.${kind}`;
  const reversed = group.split('.').toReversed().join('.');
  return `${reversed}.${version}.${kind}`;
}

/**
 * All schemas by name.
 * @param prefix of references: `#/definitions/` in OpenAPI 2, `#/components/schemas/` in 3
 */
export function definitions(resources: readonly Resource[], prefix: string): Record<string, OpenApiSchema> {
  const out: Record<string, OpenApiSchema> = { [META]: plain(OBJECT_META_SCHEMA) };
  for (const resource of resources) {
    const { group, version, kind } = resource.type;
    const name = definitionName(resource);
    const object = plain(resource.schema);
    const properties = { ...(object['properties'] as Record<string, OpenApiSchema>) };
    properties['metadata'] = {
      ...(prefix.includes('components') ? { allOf: [{ $ref: prefix + META }] } : { $ref: prefix + META }),
      description: OBJECT_META_SCHEMA.description,
    };
    out[name] = { ...object, properties, 'x-kubernetes-group-version-kind': [{ group, version, kind }] };
    out[`${name}List`] = {
      type: 'object',
      description: `List of ${kind}.`,
      required: ['items'],
      properties: {
        apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
        kind: { type: 'string', description: 'Kind of this object.' },
        metadata: { type: 'object', description: 'Metadata of the list.' },
        items: { type: 'array', description: 'The objects.', items: { $ref: prefix + name } },
      },
      'x-kubernetes-group-version-kind': [{ group, version, kind: resource.listKind }],
    };
  }
  return out;
}

/** OpenAPI 2 has no `nullable`, and clients do not need it: what they send is checked here anyway. */
function plain(schema: Schema): OpenApiSchema {
  const { nullable: _, properties, items, additionalProperties, ...rest } = schema;
  return {
    ...rest,
    ...(properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(properties).map(([k, v]) => [k, plain(v)])) }),
    ...(items === undefined ? {} : { items: plain(items) }),
    ...(typeof additionalProperties === 'object' ? { additionalProperties: plain(additionalProperties) } : {}),
  };
}

export function resourcesOfVersion(registry: Registry, group: string, version: string): Resource[] {
  return registry.all.filter((r) => r.type.group === group && r.type.version === version);
}
