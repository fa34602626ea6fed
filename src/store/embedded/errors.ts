import type { IngotError } from '../../core/errors.ts';
import type { ObjectKey } from '../../api/meta.ts';
import { type Resource, qualifiedKind, qualifiedResource } from '../../api/registry/resource.ts';
import { type FieldError, fieldErrorsText } from '../../api/validation/field-error.ts';
import { storeErrors } from '../errors.ts';
import type { StatusCause } from '../raw.ts';

/** Makers of the store's errors, worded as kube-apiserver words them, since people search for these texts. */
function details(resource: Resource, name: string): Record<string, unknown> {
  return { group: resource.type.group, kind: resource.type.plural, name };
}

export function notFound(resource: Resource, key: ObjectKey): IngotError {
  return storeErrors.make('STORE_NOT_FOUND', `${qualifiedResource(resource.type)} "${key.name}" not found`, {
    seen: details(resource, key.name),
  });
}

export function namespaceNotFound(name: string): IngotError {
  return storeErrors.make('STORE_NOT_FOUND', `namespaces "${name}" not found`, {
    seen: { group: '', kind: 'namespaces', name },
  });
}

export function alreadyExists(resource: Resource, name: string): IngotError {
  return storeErrors.make('STORE_ALREADY_EXISTS', `${qualifiedResource(resource.type)} "${name}" already exists`, {
    seen: details(resource, name),
  });
}

export function conflict(resource: Resource, name: string, why?: string): IngotError {
  const what = why ?? 'the object has been modified; please apply your changes to the latest version and try again';
  return storeErrors.make(
    'STORE_CONFLICT',
    `Operation cannot be fulfilled on ${qualifiedResource(resource.type)} "${name}": ${what}`,
    { seen: details(resource, name) },
  );
}

/** @param causes one per owned field */
export function applyConflict(message: string, causes: StatusCause[]): IngotError {
  return storeErrors.make('STORE_CONFLICT', message, { seen: { causes } });
}

export function invalidObject(resource: Resource, name: string, errors: readonly FieldError[]): IngotError {
  const causes: StatusCause[] = errors.map((e) => ({ reason: e.reason, message: e.message, field: e.field }));
  const kind = qualifiedKind(resource.type);
  return storeErrors.make('STORE_INVALID', `${kind} "${name}" is invalid: ${fieldErrorsText(errors)}`, {
    seen: { group: resource.type.group, kind: resource.type.kind, name, causes },
  });
}

/** Text that cannot be an object of this kind at all: unknown fields in strict mode, no object, wrong kind. */
export function badObject(message: string): IngotError {
  return storeErrors.make('STORE_INVALID', message, { seen: { badRequest: true } });
}

export function forbiddenWrite(resource: Resource, name: string, why: string, cause?: StatusCause): IngotError {
  return storeErrors.make('STORE_FORBIDDEN', `${qualifiedResource(resource.type)} "${name}" is forbidden: ${why}`, {
    seen: { ...details(resource, name), ...(cause === undefined ? {} : { causes: [cause] }) },
  });
}

export function expired(revision: number, oldest: number): IngotError {
  return storeErrors.make('STORE_EXPIRED', `too old resource version: ${revision} (${oldest})`);
}
