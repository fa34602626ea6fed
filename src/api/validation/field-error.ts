/**
 * Field errors as Kubernetes words them: people and tools (Cluster API, GitOps controllers) match on these texts, so they
 * follow apimachinery's `field.Error` exactly: `spec.online: Required value`.
 */
export type FieldErrorReason =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueTypeInvalid'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueDuplicate'
  | 'FieldValueForbidden';

export interface FieldError {
  reason: FieldErrorReason;
  /** Dotted path: `spec.raid.softwareRAIDVolumes[0].level`. */
  field: string;
  /** The text after the path: `Invalid value: "x": …`. */
  message: string;
}

export function required(field: string, detail = ''): FieldError {
  return {
    reason: 'FieldValueRequired',
    field,
    message: detail === '' ? 'Required value' : `Required value: ${detail}`,
  };
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { reason: 'FieldValueInvalid', field, message: `Invalid value: ${show(value)}: ${detail}` };
}

/** A value of the wrong JSON type. The shown value is the name of the type found, as in kube-apiserver. */
export function typeInvalid(field: string, found: string, wanted: string): FieldError {
  const detail = `${field} in body must be of type ${wanted}: "${found}"`;
  return { reason: 'FieldValueTypeInvalid', field, message: `Invalid value: "${found}": ${detail}` };
}

export function notSupported(field: string, value: unknown, supported: readonly unknown[]): FieldError {
  const list = supported.map(show).join(', ');
  return {
    reason: 'FieldValueNotSupported',
    field,
    message: `Unsupported value: ${show(value)}: supported values: ${list}`,
  };
}

export function tooLong(field: string, maxBytes: number): FieldError {
  return { reason: 'FieldValueTooLong', field, message: `Too long: may not be more than ${maxBytes} bytes` };
}

export function tooMany(field: string, count: number, max: number): FieldError {
  return {
    reason: 'FieldValueTooMany',
    field,
    message: `Too many: ${count}: must have at most ${max} item${max === 1 ? '' : 's'}`,
  };
}

export function duplicate(field: string, value: unknown): FieldError {
  return { reason: 'FieldValueDuplicate', field, message: `Duplicate value: ${show(value)}` };
}

export function forbidden(field: string, detail: string): FieldError {
  return { reason: 'FieldValueForbidden', field, message: `Forbidden: ${detail}` };
}

/** `path: message`, several joined the way an aggregate prints: `[a, b]`. */
export function fieldErrorsText(errors: readonly FieldError[]): string {
  const texts = errors.map((e) => `${e.field}: ${e.message}`);
  return texts.length === 1 ? String(texts[0]) : `[${texts.join(', ')}]`;
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'null';
}
