import { defineErrors } from '../core/errors.ts';

export const agentErrors = defineErrors({
  AGENT_CMDLINE: {
    blame: 'ingot',
    retry: false,
    hint: 'the ramdisk was started without the kernel arguments of the server; boot it through Ingot',
  },
  AGENT_NETWORK: {
    blame: 'user',
    retry: true,
    hint: 'correct the Secret that spec.preprovisioningNetworkDataName names',
  },
  AGENT_TLS_FINGERPRINT: {
    blame: 'network',
    retry: false,
    hint: 'another server answers at this address, or the certificate was replaced after the machine booted; boot it again',
  },
  AGENT_SERVER_UNREACHABLE: {
    blame: 'network',
    retry: true,
    hint: 'check the route and firewall between the machine and the server’s agent port',
  },
  AGENT_SERVER_ERROR: { blame: 'peer', retry: true, hint: 'see the server’s log' },
  AGENT_REFUSED: {
    blame: 'peer',
    retry: false,
    hint: 'the one-time token was used or belongs to an older boot; the server will boot the machine again',
  },
  AGENT_SESSION_OVER: {
    blame: 'peer',
    retry: false,
    hint: 'the server no longer knows this session; it will boot the machine again when it needs it',
  },
  AGENT_BAD_REPLY: {
    blame: 'peer',
    retry: false,
    hint: 'server and ramdisk are of different versions; build both anew',
  },
  AGENT_TASK_CANCELLED: { blame: 'peer', retry: true, hint: 'the server no longer wants this task' },
  AGENT_DISK_MISMATCH: {
    blame: 'machine',
    retry: false,
    hint: 'the disk chosen for this host is gone or was exchanged; nothing was written',
  },
  AGENT_CLEAN_UNPROVEN: {
    blame: 'machine',
    retry: true,
    hint: 'a disk still shows what was erased, or cannot be read back; check the disk',
  },
  AGENT_NO_ESP: {
    blame: 'user',
    retry: false,
    hint: 'the image has no EFI system partition; use an image made for UEFI or set spec.bootMode to legacy',
  },
  AGENT_NO_LOADER: {
    blame: 'user',
    retry: false,
    hint: 'put a boot loader at EFI/BOOT/BOOTX64.EFI of the image, or a BOOTX64.CSV beside the vendor’s',
  },
  AGENT_NO_BOOT_CODE: {
    blame: 'user',
    retry: false,
    hint: 'the image’s first sector has no boot code; use an image made for BIOS or set spec.bootMode to UEFI',
  },
  AGENT_EFI_VARIABLES: {
    blame: 'machine',
    retry: true,
    hint: 'the firmware refused to store a boot entry; its variable store may be full',
  },
});
