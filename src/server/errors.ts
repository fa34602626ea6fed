import { defineErrors } from '../core/errors.ts';

export const serverErrors = defineErrors({
  SERVER_PORT_IN_USE: {
    blame: 'user',
    retry: false,
    hint: 'choose another port, or stop the program that holds it',
  },
  SERVER_REQUEST_INVALID: {
    blame: 'peer',
    retry: false,
    hint: 'the agent and the server are of different versions; rebuild the ramdisk',
  },
  SERVER_EVENT_INVALID: {
    blame: 'peer',
    retry: false,
    hint: 'BMCs post events as Redfish has it (DSP0266): an object with a list of Events',
  },
  SERVER_CONFIG: {
    blame: 'user',
    retry: false,
    hint: 'see `ingot up --help`',
  },
});
