/**
 * What is in the ramdisk, as data. Package names are never pinned to a version: Debian moves them with security updates,
 * and what was used is written into ramdisk.json.
 */

/** Debian packages whose files are used. Their library dependencies are found by `packages.ts`. */
export const PACKAGES = ['busybox-static', 'util-linux', 'efibootmgr', 'libc6', 'libstdc++6', 'libgcc-s1'];

/** Metapackage that names the current full kernel. The cloud kernel has neither e1000 nor AHCI. */
export const KERNEL_METAPACKAGE = 'linux-image-amd64';

/** Programs taken from the packages, by name; looked up in the usual bin folders. Everything else is busybox. */
export const PROGRAMS = ['wipefs', 'blkdiscard', 'blkid', 'efibootmgr'];

/**
 * Kernel modules of the `virtual` flavour, by module name; what they depend on comes along. Drivers are loaded by the
 * modalias of what is found, the rest by /init or on demand by the kernel.
 */
export const MODULES = [
  // buses and network cards of hypervisors, and the cards every emulator knows
  'virtio_pci',
  'virtio_net',
  'e1000',
  'e1000e',
  'igb',
  'igc',
  'r8169',
  'tg3',
  'vmxnet3',
  // what static network data may ask for
  'bonding',
  '8021q',
  // disks
  'virtio_blk',
  'virtio_scsi',
  'ahci',
  'ata_piix',
  'nvme',
  'vmw_pvscsi',
  'mptspi',
  'sd_mod',
  'sr_mod',
  'usb_storage',
  'uas',
  'xhci_pci',
  'ehci_pci',
  // file systems that are read: the EFI system partition, config drives, EFI variables
  'vfat',
  'nls_cp437',
  'nls_ascii',
  'nls_utf8',
  'isofs',
  'efivarfs',
  'loop',
  // randomness for TLS on machines without RDRAND
  'virtio_rng',
];

/** zstd parameters of a layer. Level 19 saves a tenth of the size and costs ten times the build time. */
export const ZSTD = { level: 12, windowLog: 25, workers: 2 };

/** Kernel arguments every boot of the ramdisk needs; the server adds its own (server URL, fingerprint, token). */
export const KERNEL_CMDLINE = 'console=tty0 console=ttyS0,115200n8 quiet loglevel=4 panic=10';
