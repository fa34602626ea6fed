import type { KubeObject } from '../api/meta.ts';
import { isObject } from '../api/validation/schema.ts';
import { badRequest } from './api-error.ts';

export type Matcher = (object: KubeObject) => boolean;

type Labels = Record<string, string>;

const KEY = String.raw`[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?`;
const SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const COMPARE = new RegExp(`^(${KEY})\\s*(==|=|!=|>|<)\\s*([-A-Za-z0-9_.]*)$`);
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`);

/**
 * A label selector: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
 * @throws ApiError 400
 */
export function labelMatcher(selector: string): Matcher | undefined {
  const terms = splitTerms(selector).map(labelTerm);
  if (terms.length === 0) return undefined;
  return (object) => {
    const labels = object.metadata.labels ?? {};
    return terms.every((term) => term(labels));
  };
}

/** Splits at commas outside parentheses. */
function splitTerms(selector: string): string[] {
  const terms = selector.split(/,(?![^(]*\))/).map((term) => term.trim());
  return terms.filter((term) => term !== '');
}

function labelTerm(term: string): (labels: Labels) => boolean {
  const set = SET.exec(term);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    const values = new Set(list.split(',').map((v) => v.trim()));
    return (labels) => (labels[key] !== undefined && values.has(labels[key])) === (operator === 'in');
  }
  const compare = COMPARE.exec(term);
  if (compare !== null) {
    const [, key = '', operator, value = ''] = compare;
    if (operator === '!=') return (labels) => labels[key] !== value;
    if (operator === '>') return (labels) => labels[key] !== undefined && Number(labels[key]) > Number(value);
    if (operator === '<') return (labels) => labels[key] !== undefined && Number(labels[key]) < Number(value);
    return (labels) => labels[key] === value;
  }
  const exists = EXISTS.exec(term);
  if (exists === null) throw badRequest(`unable to parse requirement: ${JSON.stringify(term)}`);
  const [, not, key = ''] = exists;
  return (labels) => (labels[key] === undefined) === (not === '!');
}

const COMMON_FIELDS = ['metadata.name', 'metadata.namespace'];
const FIELDS: Record<string, readonly string[]> = {
  Event: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  Secret: ['type'],
  Namespace: ['status.phase'],
};

/**
 * A field selector: `metadata.name=x,involvedObject.uid!=y`.
 * @param kind decides which fields can be selected by
 * @throws ApiError 400 with kube-apiserver's words
 */
export function fieldMatcher(selector: string, kind: string): Matcher | undefined {
  const terms = selector.split(',').filter((term) => term !== '');
  if (terms.length === 0) return undefined;
  const supported = [...COMMON_FIELDS, ...(FIELDS[kind] ?? [])];
  const checks = terms.map((term) => fieldTerm(term, supported));
  return (object) => checks.every((check) => check(object));
}

function fieldTerm(term: string, supported: readonly string[]): Matcher {
  const parts = /^([^=!]+)(==|=|!=)(.*)$/.exec(term);
  if (parts === null) throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`);
  const [, field = '', operator, value = ''] = parts;
  if (!supported.includes(field)) throw badRequest(`field label not supported: ${field}`);
  const path = field === 'source' ? ['source', 'component'] : field.split('.');
  return (object) => (textAt(object, path) === value) === (operator !== '!=');
}

function textAt(object: unknown, path: readonly string[]): string {
  let value = object;
  for (const key of path) value = isObject(value) ? value[key] : undefined;
  return typeof value === 'string' ? value : '';
}
