import type { IngotError } from '../../core/errors.ts';
import { storeErrors } from '../errors.ts';

/** The parts of a metav1.Status that decide what an answer means. */
export interface KubeStatus {
  kind?: string;
  code?: number;
  reason?: string;
  message?: string;
  details?: { retryAfterSeconds?: number; causes?: { reason?: string; message?: string; field?: string }[] };
}

type StoreCode = keyof typeof storeErrors.specs;

/** Reason first, because several reasons share an HTTP code (409 is both a conflict and an existing name). */
const BY_REASON: Readonly<Record<string, StoreCode>> = {
  NotFound: 'STORE_NOT_FOUND',
  AlreadyExists: 'STORE_ALREADY_EXISTS',
  Conflict: 'STORE_CONFLICT',
  Invalid: 'STORE_INVALID',
  BadRequest: 'STORE_INVALID',
  Forbidden: 'STORE_FORBIDDEN',
  Unauthorized: 'STORE_FORBIDDEN',
  Expired: 'STORE_EXPIRED',
  Gone: 'STORE_EXPIRED',
};

const BY_CODE: Readonly<Record<number, StoreCode>> = {
  400: 'STORE_INVALID',
  401: 'STORE_FORBIDDEN',
  403: 'STORE_FORBIDDEN',
  404: 'STORE_NOT_FOUND',
  409: 'STORE_CONFLICT',
  410: 'STORE_EXPIRED',
  422: 'STORE_INVALID',
};

/**
 * Turns an error answer into one of `storeErrors`.
 * @param what the request as a person would name it, `get metal3.io/baremetalhosts lab/node-0`
 */
export function statusError(what: string, httpCode: number, status: KubeStatus): IngotError {
  const code = BY_REASON[status.reason ?? ''] ?? BY_CODE[httpCode] ?? 'STORE_UNAVAILABLE';
  const text = status.message ?? `HTTP ${httpCode}`;
  return storeErrors.make(code, `${what}: ${text}`, {
    seen: { httpCode, reason: status.reason, causes: status.details?.causes },
  });
}

/**
 * May the very same request be sent again at once? 429 is also what a server says while a new CRD's storage starts
 * ("storage is (re)initializing").
 */
export function isBusy(httpCode: number): boolean {
  return httpCode === 429 || httpCode === 503 || httpCode === 504;
}
