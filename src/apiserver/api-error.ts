import { IngotError } from '../core/errors.ts';
import type { FieldError } from '../api/validation/field-error.ts';
import { isObject } from '../api/validation/schema.ts';
import { storeErrors } from '../store/errors.ts';

/** A Kubernetes Status object (metav1.Status). */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Record<string, never>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: Record<string, unknown>;
  code?: number;
}

/** A failure that begins in the API server itself: a bad request, not a state of the store. */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: Record<string, unknown>;

  constructor(code: number, reason: string, message: string, details: Record<string, unknown> = {}) {
    super(message);
    this.details = details;
    this.name = 'ApiError';
    this.code = code;
    this.reason = reason;
  }
}

export const badRequest = (message: string) => new ApiError(400, 'BadRequest', message);
/** Query parameters or options in a body that are wrong: `CreateOptions.meta.k8s.io "" is invalid: dryRun: …`. */
export function invalidOptions(kind: string, { field, reason, message }: FieldError): ApiError {
  const text = `${kind}.meta.k8s.io "" is invalid: ${field}: ${message}`;
  return new ApiError(422, 'Invalid', text, { group: 'meta.k8s.io', kind, causes: [{ reason, message, field }] });
}

export const notServed = () => new ApiError(404, 'NotFound', 'the server could not find the requested resource');
export const methodNotAllowed = () =>
  new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
export const unsupportedMedia = (accepted: string) =>
  new ApiError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
  );
export const notAcceptable = () =>
  new ApiError(406, 'NotAcceptable', 'only the following media types are accepted: application/json, application/yaml');

const STORE_STATUS: Record<keyof typeof storeErrors.specs, { code: number; reason: string }> = {
  STORE_NOT_FOUND: { code: 404, reason: 'NotFound' },
  STORE_ALREADY_EXISTS: { code: 409, reason: 'AlreadyExists' },
  STORE_CONFLICT: { code: 409, reason: 'Conflict' },
  STORE_INVALID: { code: 422, reason: 'Invalid' },
  STORE_EXPIRED: { code: 410, reason: 'Expired' },
  STORE_UNAVAILABLE: { code: 503, reason: 'ServiceUnavailable' },
  STORE_FORBIDDEN: { code: 403, reason: 'Forbidden' },
};

/** The Status that tells a client of `error`. Unexpected errors are told without their text: it may hold anything. */
export function statusOf(error: unknown): Status & { code: number } {
  if (error instanceof ApiError) return failure(error.code, error.reason, error.message, error.details);
  if (!(error instanceof IngotError) || !storeErrors.is(error)) {
    return failure(500, 'InternalError', 'Internal error occurred: see the log of the server', {});
  }
  const { badRequest: bad, causes, ...named } = error.seen;
  const details = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== ''));
  const known = STORE_STATUS[error.code as keyof typeof STORE_STATUS];
  if (bad === true) return failure(400, 'BadRequest', error.message, {});
  const list = Array.isArray(causes) ? { causes: causes.filter(isObject) } : {};
  return failure(known.code, known.reason, error.message, { ...details, ...list });
}

function failure(
  code: number,
  reason: string,
  message: string,
  details: Record<string, unknown>,
): Status & { code: number } {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(Object.keys(details).length === 0 ? {} : { details }),
    code,
  };
}
