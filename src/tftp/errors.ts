import { defineErrors } from '../core/errors.ts';

export const tftpErrors = defineErrors({
  TFTP_MALFORMED: { blame: 'peer', retry: false, hint: 'the packet is not TFTP as RFC 1350 writes it; it is dropped' },
  TFTP_PATH: { blame: 'peer', retry: false, hint: 'the client asked for a path outside what is served' },
  TFTP_SOCKET: {
    blame: 'machine',
    retry: false,
    hint: 'TFTP listens on port 69, which needs root and no other TFTP server on that address',
  },
});
