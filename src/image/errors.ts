import { defineErrors } from '../core/errors.ts';

export const imageErrors = defineErrors({
  IMAGE_URL_INVALID: {
    blame: 'user',
    retry: false,
    hint: 'spec.image.url must be an http(s) URL or, on the machine Ingot runs on, a file:// URL or absolute path',
  },
  IMAGE_NOT_FOUND: { blame: 'user', retry: false, hint: 'correct spec.image.url, or put the image there' },
  IMAGE_FORBIDDEN: { blame: 'user', retry: false, hint: 'the image server refuses access to spec.image.url' },
  IMAGE_FETCH_FAILED: { blame: 'network', retry: true, hint: 'check that the server in spec.image.url can be reached' },
  IMAGE_TRUNCATED: {
    blame: 'network',
    retry: true,
    hint: 'the server closed the connection before the image was whole',
  },
  IMAGE_CHANGED: { blame: 'user', retry: true, hint: 'the image was replaced while it was being read; try again' },
  IMAGE_NO_CHECKSUM: {
    blame: 'user',
    retry: false,
    hint: 'set spec.image.checksum to the hex digest of the image or to the URL of a sums file',
  },
  IMAGE_CHECKSUM_INVALID: {
    blame: 'user',
    retry: false,
    hint: 'spec.image.checksum must be 32, 64 or 128 hex digits, or an http(s) URL; spec.image.checksumType must fit it',
  },
  IMAGE_CHECKSUM_MISMATCH: {
    blame: 'user',
    retry: false,
    hint: 'correct spec.image.checksum, or replace the image at spec.image.url',
  },
  IMAGE_FORMAT_MISMATCH: { blame: 'user', retry: false, hint: 'correct spec.image.format, or leave it out' },
  IMAGE_FORMAT_UNSUPPORTED: {
    blame: 'user',
    retry: false,
    hint: 'use a raw or qcow2 image, plain or compressed with gzip, xz, zstd or bzip2',
  },
  IMAGE_QCOW2_INVALID: { blame: 'user', retry: false, hint: 'check the image with `qemu-img check`' },
  IMAGE_DECOMPRESS_FAILED: { blame: 'user', retry: false, hint: 'the compressed file is damaged or cut short' },
  IMAGE_EMPTY: { blame: 'user', retry: false, hint: 'the image has no bytes' },
  IMAGE_TOO_LARGE: { blame: 'user', retry: false, hint: 'the image is larger than the limit of this server' },
  IMAGE_TOO_LARGE_FOR_DISK: {
    blame: 'user',
    retry: false,
    hint: 'choose a larger disk with spec.rootDeviceHints, or a smaller image',
  },
  IMAGE_TARGET_EXISTS: { blame: 'user', retry: false, hint: 'name a folder that does not exist yet' },
  IMAGE_CACHE_FULL: {
    blame: 'ingot',
    retry: true,
    hint: 'free disk space in the data folder, or raise the cache limit',
  },
  IMAGE_CACHE_DAMAGED: { blame: 'machine', retry: true, hint: 'the cached copy is dropped and made again' },
  IMAGE_MANIFEST_INVALID: { blame: 'ingot', retry: false, hint: 'report this with the manifest' },
  IMAGE_FRAME_INVALID: { blame: 'network', retry: true, hint: 'the frame is fetched again' },
});
