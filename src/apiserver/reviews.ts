import { isObject } from '../api/validation/schema.ts';
import { notServed } from './api-error.ts';
import { type ApiReply, type ApiRequest, json } from './api-request.ts';
import { decodeBody, objectBody } from './body.ts';

/** Kinds that are only asked, never stored: "may I?", "who am I?". Whoever holds the token may do everything. */
export const REVIEWS = [
  { group: 'authorization.k8s.io', version: 'v1', kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews' },
  { group: 'authorization.k8s.io', version: 'v1', kind: 'SelfSubjectRulesReview', plural: 'selfsubjectrulesreviews' },
  { group: 'authentication.k8s.io', version: 'v1', kind: 'SelfSubjectReview', plural: 'selfsubjectreviews' },
] as const;

export const USER_NAME = 'ingot:admin';

/** @throws ApiError 404 when `plural` is no review */
export function review(request: ApiRequest, group: string, plural: string): ApiReply {
  const known = REVIEWS.find((r) => r.group === group && r.plural === plural);
  if (known === undefined) throw notServed();
  const body = objectBody(decodeBody(request.body, request.contentType));
  const metadata = isObject(body['metadata']) ? body['metadata'] : {};
  const { kind, version } = known;
  return json({ ...body, kind, apiVersion: `${group}/${version}`, metadata, status: answer(kind) }, 201);
}

function answer(kind: (typeof REVIEWS)[number]['kind']): unknown {
  if (kind === 'SelfSubjectAccessReview') return { allowed: true, reason: 'the token is that of the administrator' };
  if (kind === 'SelfSubjectReview') {
    return { userInfo: { username: USER_NAME, groups: ['system:masters', 'system:authenticated'] } };
  }
  return {
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
    incomplete: false,
  };
}
