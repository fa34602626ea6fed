import { defineErrors } from '../core/errors.ts';

export const controllerErrors = defineErrors({
  CONTROLLER_HOST_MISSING: {
    blame: 'user',
    retry: true,
    hint: 'create the BareMetalHost in the same namespace, or correct the name',
  },
  CONTROLLER_HOST_NOT_READY: {
    blame: 'user',
    retry: true,
    hint: 'the BareMetalHost must be registered, and neither paused nor detached',
  },
  CONTROLLER_UNSUPPORTED: {
    blame: 'peer',
    retry: false,
    hint: 'the BMC or its protocol cannot do that; a Redfish address scheme may',
  },
  CONTROLLER_SPEC_INVALID: { blame: 'user', retry: false, hint: 'mend the field that is named' },
});
