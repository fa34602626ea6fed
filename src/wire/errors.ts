import { defineErrors } from '../core/errors.ts';

export const wireErrors = defineErrors({
  WIRE_SHORT: { blame: 'peer', retry: false, hint: 'the packet ends before the field does; it is dropped' },
  WIRE_RANGE: { blame: 'ingot', retry: false, hint: 'a value does not fit the field it is written to' },
  WIRE_ADDRESS: {
    blame: 'user',
    retry: false,
    hint: 'write a MAC as 52:54:00:12:34:56 and an IPv4 address as 192.0.2.1',
  },
});
