import { defineErrors } from '../core/errors.ts';

export const simErrors = defineErrors({
  SIM_QMP_CLOSED: {
    blame: 'machine',
    retry: false,
    hint: 'the QEMU process ended; read qemu.log in the machine’s folder',
  },
  SIM_QMP_REFUSED: { blame: 'ingot', retry: false, hint: 'QEMU refused a command; report this with the QEMU version' },
  SIM_QMP_GARBLED: { blame: 'ingot', retry: false, hint: 'something else than QEMU answered; report this' },
  SIM_QEMU_FAILED: { blame: 'machine', retry: false, hint: 'read qemu.log in the machine’s folder' },
  SIM_NOT_POWERED: { blame: 'user', retry: false, hint: 'power the machine on first' },
  SIM_BOOT_DEVICE_UNSUPPORTED: {
    blame: 'user',
    retry: false,
    hint: 'this virtual machine boots from network or disk only',
  },
  SIM_MEDIA_FETCH: {
    blame: 'user',
    retry: true,
    hint: 'check that the address can be reached from where the machine runs and that the image is there',
  },
  SIM_LISTEN_FAILED: { blame: 'user', retry: false, hint: 'choose an address of this machine and a free port' },
  SIM_PERSONALITY_UNKNOWN: { blame: 'user', retry: false, hint: 'ingot sim --help lists the personalities' },
  SIM_STATE_BROKEN: {
    blame: 'user',
    retry: false,
    hint: 'remove the machine’s state.json; boot flags are all it holds',
  },
  SIM_LAB_RUNNING: {
    blame: 'user',
    retry: false,
    hint: 'take the other lab down first, or give this one another name',
  },
  SIM_LAB_NAME: { blame: 'user', retry: false, hint: 'use 1 to 20 of a-z, 0-9 and dashes' },
  SIM_LAB_CROWDED: { blame: 'user', retry: false, hint: 'take labs down that are no longer needed (ip netns list)' },
  SIM_NEEDS_ROOT: { blame: 'user', retry: false, hint: 'run as root: namespaces and taps need it' },
});
