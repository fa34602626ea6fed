import { type FieldError, invalid, tooLong } from './field-error.ts';

/** The name rules of Kubernetes' apimachinery; texts as kube-apiserver prints them. */
const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
  `with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`;
const LABEL_TEXT =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
  `alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`;
const QUALIFIED_TEXT =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " +
  `character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}')`;
const VALUE_TEXT =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end " +
  `with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(${QUALIFIED})?')`;

const LABEL_RE = new RegExp(`^${LABEL}$`);
const SUBDOMAIN_RE = new RegExp(`^${SUBDOMAIN}$`);
const QUALIFIED_RE = new RegExp(`^${QUALIFIED}$`);

/** Object names: lower-case DNS subdomain, at most 253 characters. */
export function checkSubdomain(value: string, field: string): FieldError[] {
  if (value.length > 253) return [invalid(field, value, 'must be no more than 253 bytes')];
  return SUBDOMAIN_RE.test(value) ? [] : [invalid(field, value, SUBDOMAIN_TEXT)];
}

/** Names that only have to fit into a URL path. */
export function checkPathSegment(value: string, field: string): FieldError[] {
  if (value === '.' || value === '..') return [invalid(field, value, `may not be '${value}'`)];
  const bad = ['/', '%'].find((c) => value.includes(c));
  return bad === undefined ? [] : [invalid(field, value, `may not contain '${bad}'`)];
}

/** Namespace names: lower-case DNS label, at most 63 characters. */
export function checkLabelName(value: string, field: string): FieldError[] {
  if (value.length > 63) return [invalid(field, value, 'must be no more than 63 bytes')];
  return LABEL_RE.test(value) ? [] : [invalid(field, value, LABEL_TEXT)];
}

/** Keys of labels, annotations and finalizers: optional DNS prefix, slash, name of at most 63 characters. */
export function checkQualifiedName(value: string, field: string): FieldError[] {
  const slash = value.indexOf('/');
  const prefix = slash < 0 ? undefined : value.slice(0, slash);
  const name = value.slice(slash + 1);
  if (prefix !== undefined && (prefix.length > 253 || !SUBDOMAIN_RE.test(prefix))) {
    return [invalid(field, value, `prefix part ${SUBDOMAIN_TEXT}`)];
  }
  if (name.length > 63) return [invalid(field, value, 'name part must be no more than 63 bytes')];
  return QUALIFIED_RE.test(name) ? [] : [invalid(field, value, QUALIFIED_TEXT)];
}

export function checkLabelValue(value: string, field: string): FieldError[] {
  if (value.length > 63) return [invalid(field, value, 'must be no more than 63 bytes')];
  return value === '' || QUALIFIED_RE.test(value) ? [] : [invalid(field, value, VALUE_TEXT)];
}

const MAX_ANNOTATIONS_BYTES = 256 << 10;

/** @param annotations string values, already checked by the schema */
export function checkAnnotations(annotations: Record<string, string>, field: string): FieldError[] {
  const errors: FieldError[] = [];
  let total = 0;
  for (const [key, value] of Object.entries(annotations)) {
    errors.push(...checkQualifiedName(key.toLowerCase(), field));
    total += key.length + value.length;
  }
  if (total > MAX_ANNOTATIONS_BYTES) errors.push(tooLong(field, MAX_ANNOTATIONS_BYTES));
  return errors;
}
