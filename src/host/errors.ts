import { defineErrors } from '../core/errors.ts';

export const hostErrors = defineErrors({
  HOST_ILLEGAL_TRANSITION: {
    blame: 'ingot',
    retry: false,
    hint: 'report this with `kubectl get bmh -o yaml` of the host',
  },
  HOST_SECRET_MISSING: { blame: 'user', retry: true, hint: 'create the Secret in the namespace of the host' },
  HOST_CREDENTIALS_INVALID: {
    blame: 'user',
    retry: false,
    hint: 'the Secret needs the keys username and password, both non-empty',
  },
  HOST_BMC_DETAILS_MISSING: {
    blame: 'user',
    retry: false,
    hint: 'set both spec.bmc.address and spec.bmc.credentialsName',
  },
  HOST_BOOT_MAC_INVALID: { blame: 'user', retry: false, hint: 'write it as 52:54:00:12:34:56' },
  HOST_BOOT_MAC_MISSING: { blame: 'user', retry: false, hint: 'set spec.bootMACAddress' },
  HOST_BOOT_MAC_CONFLICT: {
    blame: 'user',
    retry: true,
    hint: 'give every host its own spec.bootMACAddress, or delete the other host',
  },
  HOST_PROFILE_UNKNOWN: {
    blame: 'user',
    retry: false,
    hint: 'leave spec.hardwareProfile empty and use spec.rootDeviceHints',
  },
  HOST_CONFIG_INVALID: { blame: 'user', retry: false, hint: 'correct the named Secret or field' },
  HOST_CONFIG_PENDING: { blame: 'user', retry: true, hint: 'create or complete the named Secret' },
  HOST_IMAGE_INVALID: { blame: 'user', retry: false, hint: 'correct the named field of spec.image' },
  HOST_DEPLOY_UNSUPPORTED: { blame: 'user', retry: false, hint: 'use a disk image in spec.image' },
  HOST_RETRIES_EXHAUSTED: {
    blame: 'user',
    retry: false,
    hint: 'change spec.image, or set status.provisioningFailCount to 0',
  },
  HOST_STATUS_ANNOTATION_INVALID: {
    blame: 'user',
    retry: false,
    hint: 'correct or remove the annotation baremetalhost.metal3.io/status',
  },
  HOST_HARDWARE_ANNOTATION_INVALID: {
    blame: 'user',
    retry: false,
    hint: 'correct or remove the annotation inspect.metal3.io/hardwaredetails',
  },
  HOST_REBOOT_UNSUPPORTED: {
    blame: 'user',
    retry: false,
    hint: 'remove spec.disablePowerOff; this BMC driver cannot reboot without a power off',
  },
  HOST_NETWORK_DATA_MISSING: {
    blame: 'user',
    retry: true,
    hint: 'create the Secret that spec.preprovisioningNetworkDataName names',
  },
  HOST_NETWORK_DATA_INVALID: {
    blame: 'user',
    retry: false,
    hint: 'write it as OpenStack’s network_data.json: links by MAC address, networks, services',
  },
});
