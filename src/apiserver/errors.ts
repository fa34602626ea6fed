import { defineErrors } from '../core/errors.ts';

export const apiserverErrors = defineErrors({
  APISERVER_LISTEN: {
    blame: 'user',
    retry: false,
    hint: 'choose another address or port, or stop the program that has it',
  },
});
