import type { Secret } from '../../api/core-types.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Resource } from '../../api/registry/resource.ts';
import { type FieldError, forbidden, invalid, required, tooLong } from '../../api/validation/field-error.ts';
import { jsonEqual } from '../../api/validation/schema.ts';

/** Rules of the core kinds that their schemas cannot say. */
const MAX_SECRET_BYTES = 1 << 20;
const DATA_KEY = /^[-._a-zA-Z0-9]{1,253}$/;

function isSecret(resource: Resource, object: KubeObject): object is Secret {
  return resource.type.kind === 'Secret' && resource.type.group === '' && object.metadata !== undefined;
}

/** Moves `stringData` of a Secret into `data` and gives it its default type. */
export function foldStringData(resource: Resource, object: KubeObject): KubeObject {
  if (!isSecret(resource, object)) return object;
  const { stringData, ...rest } = object;
  const out: Secret = { ...rest, type: object.type === undefined || object.type === '' ? 'Opaque' : object.type };
  if (stringData === undefined || stringData === null) return out;
  const folded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]);
  out.data = { ...object.data, ...Object.fromEntries(folded) };
  return out;
}

export function validateCore(resource: Resource, object: KubeObject, live: KubeObject | undefined): FieldError[] {
  const { kind, group } = resource.type;
  if (group !== '') return [];
  if (kind === 'Secret' || kind === 'ConfigMap') return validateData(object, live);
  if (kind === 'Event') return validateEvent(object);
  return [];
}

interface WithData extends KubeObject {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
  type?: string;
  immutable?: boolean;
}

function validateData(object: WithData, live: WithData | undefined): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const field of ['data', 'binaryData'] as const) {
    for (const [key, value] of Object.entries(object[field] ?? {})) {
      size += value.length;
      if (DATA_KEY.test(key) && key !== '.' && key !== '..') continue;
      const text = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
      errors.push(invalid(`${field}[${key}]`, key, text));
    }
  }
  if (size > MAX_SECRET_BYTES * 1.4) errors.push(tooLong('data', MAX_SECRET_BYTES));
  if (live === undefined) return errors;
  if (live.type !== object.type) errors.push(invalid('type', object.type, 'field is immutable'));
  if (live.immutable !== true) return errors;
  const changed = (['data', 'binaryData', 'immutable'] as const).filter((f) => !jsonEqual(live[f], object[f]));
  const text = 'field is immutable when `immutable` is set';
  return [...errors, ...changed.map((field) => forbidden(field, text))];
}

interface EventLike extends KubeObject {
  involvedObject?: { namespace?: string; kind?: string };
}

/** An Event lives in the namespace of what it is about; events about cluster-wide objects live in `default`. */
function validateEvent(event: EventLike): FieldError[] {
  const about = event.involvedObject;
  if (about === undefined) return [required('involvedObject')];
  const wanted = about.namespace === undefined || about.namespace === '' ? undefined : about.namespace;
  if (wanted === undefined || wanted === event.metadata.namespace) return [];
  return [invalid('involvedObject.namespace', wanted, 'does not match event.namespace')];
}
