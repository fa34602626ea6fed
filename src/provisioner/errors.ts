import { defineErrors } from '../core/errors.ts';

export const provisionerErrors = defineErrors({
  AGENT_TOKEN_REFUSED: {
    blame: 'machine',
    retry: false,
    hint: 'a token works once, for the machine and the boot it was made for; the next network boot gets a new one',
  },
  AGENT_SESSION_INVALID: {
    blame: 'machine',
    retry: false,
    hint: 'the session is over; the machine gets a new one when it boots the ramdisk again',
  },
  AGENT_RESULT_INVALID: {
    blame: 'machine',
    retry: false,
    hint: 'the agent and the server are of different versions; rebuild the ramdisk',
  },
  AGENT_NOT_REGISTERED: {
    blame: 'machine',
    retry: true,
    hint: 'see with `ingot explain HOST` how far the network boot got',
  },
  AGENT_TASK_TIMEOUT: {
    blame: 'machine',
    retry: true,
    hint: 'read the agent’s log with `ingot logs HOST`',
  },
  PROVISION_NO_CREDENTIALS: {
    blame: 'user',
    retry: false,
    hint: 'create the Secret that spec.bmc.credentialsName names',
  },
  PROVISION_BMC_CHANGED: {
    blame: 'user',
    retry: false,
    hint: 'put the address back; for another one detach the host first (annotation baremetalhost.metal3.io/detached)',
  },
  PROVISION_NO_BOOT_MAC: {
    blame: 'user',
    retry: false,
    hint: 'set spec.bootMACAddress to the address the machine boots from',
  },
  PROVISION_NO_DISK: {
    blame: 'user',
    retry: false,
    hint: 'correct spec.rootDeviceHints; the disks the machine has are in its HardwareData',
  },
  PROVISION_IMAGE_TOO_LARGE: {
    blame: 'user',
    retry: false,
    hint: 'use a smaller image or point spec.rootDeviceHints at a larger disk',
  },
  PROVISION_IMAGE_LATE: {
    blame: 'network',
    retry: true,
    hint: 'serve the image from a faster server; fetching goes on meanwhile, and the next try takes it up',
  },
  PROVISION_CLEAN_UNPROVEN: {
    blame: 'machine',
    retry: true,
    hint: 'the disk did not read back as wiped; look at its health',
  },
  PROVISION_BOOT_MODE_NOT_APPLIED: {
    blame: 'machine',
    retry: true,
    hint: 'see the machine’s console and the job queue of its BMC (`ingot bmc clear-jobs`), or set the boot mode by hand',
  },
  PROVISION_BIOS_NOT_APPLIED: {
    blame: 'machine',
    retry: true,
    hint: 'the machine restarted and does not show the settings: look at its BIOS and at the log of its BMC',
  },
  PROVISION_RAID_PLAN: {
    blame: 'user',
    retry: false,
    hint: 'correct spec.raid; nothing was deleted. see the drives with `ingot bmc raid list`',
  },
  PROVISION_RAID_NOT_APPLIED: {
    blame: 'machine',
    retry: true,
    hint: 'the controller does not show the volumes that it was told to make: see the log of the BMC',
  },
  PROVISION_FIRMWARE_FAILED: {
    blame: 'machine',
    retry: true,
    hint: 'see the log of the BMC; check that the image is for this machine and that the BMC reaches its URL',
  },
  PROVISION_UNSUPPORTED: {
    blame: 'user',
    retry: false,
    hint: 'remove the named field',
  },
});
