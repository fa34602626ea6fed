import { defineErrors } from '../core/errors.ts';

export const storeErrors = defineErrors({
  STORE_NOT_FOUND: { blame: 'user', retry: false, hint: 'check the name and the namespace' },
  STORE_ALREADY_EXISTS: { blame: 'user', retry: false, hint: 'use apply or edit instead of create' },
  STORE_CONFLICT: { blame: 'ingot', retry: true, hint: 'the object changed meanwhile; read it again and repeat' },
  STORE_INVALID: { blame: 'user', retry: false, hint: 'correct the named field' },
  STORE_EXPIRED: { blame: 'ingot', retry: true, hint: 'the resourceVersion is too old; list again' },
  STORE_UNAVAILABLE: { blame: 'network', retry: true, hint: 'check that the API server is up and reachable' },
  STORE_FORBIDDEN: {
    blame: 'user',
    retry: false,
    hint: 'give the service account the roles in crds/install/rbac.yaml',
  },
});
