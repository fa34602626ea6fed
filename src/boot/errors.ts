import { defineErrors } from '../core/errors.ts';

export const bootErrors = defineErrors({
  BOOT_URL_EXPIRED: {
    blame: 'machine',
    retry: false,
    hint: 'the machine used an old boot script; it gets a fresh one when it boots again',
  },
  BOOT_URL_INVALID: {
    blame: 'peer',
    retry: false,
    hint: 'boot URLs are made by the server and cannot be typed or shared',
  },
  BOOT_NOTHING: {
    blame: 'machine',
    retry: true,
    hint: 'no BareMetalHost that is to boot from the network now has this MAC address; its firmware goes on',
  },
  BOOT_LOADER_MISSING: {
    blame: 'user',
    retry: false,
    hint: 'install the ipxe package or point --ipxe at a folder with its binaries',
  },
  BOOT_RAMDISK_MISSING: {
    blame: 'user',
    retry: false,
    hint: 'build it with images/ramdisk or point --ramdisk at a folder with vmlinuz and ramdisk.zst',
  },
  BOOT_ISO_MISSING: {
    blame: 'user',
    retry: false,
    hint: 'build the ramdisk again with images/ramdisk, or point --ramdisk at a folder that has ramdisk.iso too',
  },
  BOOT_ISO_TOO_SMALL: {
    blame: 'user',
    retry: false,
    hint: 'shorten spec.preprovisioningNetworkDataName’s network data, or the kernel arguments',
  },
  BOOT_MEDIA_ADDRESS: {
    blame: 'user',
    retry: false,
    hint: 'name the address with --media-address (for BMCs) or --ramdisk-address (for machines)',
  },
});
