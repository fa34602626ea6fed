import { defineErrors } from '../core/errors.ts';

export const diskErrors = defineErrors({
  DISK_GPT_INVALID: {
    blame: 'user',
    retry: false,
    hint: 'the image carries a damaged GUID partition table; check it with `sgdisk -v`',
  },
  DISK_MBR_INVALID: { blame: 'user', retry: false, hint: 'check the image with `sfdisk --verify`' },
  DISK_NO_PARTITION_TABLE: {
    blame: 'user',
    retry: false,
    hint: 'use a whole-disk image; an image of one file system cannot be booted or given a config drive',
  },
  DISK_NO_ROOM: {
    blame: 'user',
    retry: false,
    hint: 'the config drive needs 64 MiB behind the last partition of the image; use a larger disk or a smaller image',
  },
  DISK_MBR_FULL: {
    blame: 'user',
    retry: false,
    hint: 'the image uses all four primary partitions; convert it to GPT or free one',
  },
  DISK_TOO_SMALL: { blame: 'user', retry: false, hint: 'choose a larger disk with spec.rootDeviceHints' },
  DISK_SECTOR_SIZE: {
    blame: 'user',
    retry: false,
    hint: 'build the image for the sector size of this disk, or choose another disk with spec.rootDeviceHints',
  },
  DISK_NO_MATCH: {
    blame: 'user',
    retry: false,
    hint: 'correct spec.rootDeviceHints; status.hardware.storage lists the disks of the host',
  },
  DISK_NO_IDENTITY: {
    blame: 'machine',
    retry: false,
    hint: 'the disk reports no serial number, WWN or by-path link, so it cannot be told from another; give it a serial',
  },
  DISK_PIN_MISMATCH: {
    blame: 'machine',
    retry: false,
    hint: 'the disk chosen for this host is gone or was exchanged; nothing was written',
  },
  DISK_QCOW2_INVALID: { blame: 'user', retry: false, hint: 'check the image with `qemu-img check`' },
  DISK_CONFIG_DRIVE_TOO_LARGE: {
    blame: 'user',
    retry: false,
    hint: 'user data, network data and meta data together must stay below 64 MiB',
  },
  DISK_CONFIG_DRIVE_NAME: { blame: 'ingot', retry: false, hint: 'report this with the file name' },
});
