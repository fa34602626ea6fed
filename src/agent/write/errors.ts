import { defineErrors } from '../../core/errors.ts';

export const writeErrors = defineErrors({
  WRITE_DEVICE_OPEN: {
    blame: 'machine',
    retry: false,
    hint: 'the disk is missing, read-only or used by something else',
  },
  WRITE_DEVICE_IO: {
    blame: 'machine',
    retry: false,
    hint: 'the disk reports an error; look at its SMART data and cabling',
  },
  WRITE_FRAME_UNAVAILABLE: {
    blame: 'network',
    retry: true,
    hint: 'check that the machine can reach the server; the write goes on where it stopped',
  },
  WRITE_MANIFEST_UNAVAILABLE: {
    blame: 'network',
    retry: true,
    hint: 'check that the machine can reach the server, and the server’s log for the image',
  },
  WRITE_IMAGE_FAILED: {
    blame: 'peer',
    retry: false,
    hint: 'the image turned out wrong while it was prepared; nothing on the disk is bootable',
  },
  WRITE_FRAME_CORRUPT: {
    blame: 'ingot',
    retry: true,
    hint: 'the server keeps sending a damaged frame; prepare the image again',
  },
  WRITE_VERIFY_FAILED: {
    blame: 'machine',
    retry: false,
    hint: 'the disk does not give back what was written to it; replace it',
  },
});
