/** What a person types at a console: sent on, but for a detach key and what follows it. */
export interface KeysState {
  /** The detach key was typed; the next key says what is meant. */
  readonly escaped: boolean;
}

export type KeysAction =
  | { kind: 'send'; bytes: Uint8Array }
  | { kind: 'break' }
  | { kind: 'detach' }
  | { kind: 'help' };

/** Ctrl-], as in telnet: on every keyboard, and of no use to a shell or a boot loader. */
export const DETACH_KEY = 0x1d;
export const KEYS_HELP = 'ctrl-] then: "." detach, "b" send a break, ctrl-] send ctrl-], "?" this help';

/** Sorts out typed bytes. Detach ends it: what was typed after it is dropped. */
export function readKeys(state: KeysState, typed: Uint8Array): { state: KeysState; actions: KeysAction[] } {
  const actions: KeysAction[] = [];
  let { escaped } = state;
  let plain: number[] = [];
  const flush = () => {
    if (plain.length > 0) actions.push({ kind: 'send', bytes: Uint8Array.from(plain) });
    plain = [];
  };
  for (const byte of typed) {
    if (!escaped) {
      if (byte === DETACH_KEY) escaped = true;
      else plain.push(byte);
      continue;
    }
    escaped = false;
    if (byte === DETACH_KEY) {
      plain.push(byte);
      continue;
    }
    flush();
    switch (String.fromCharCode(byte)) {
      case '.':
        actions.push({ kind: 'detach' });
        return { state: { escaped: false }, actions };
      case 'b':
      case 'B':
        actions.push({ kind: 'break' });
        break;
      case '?':
        actions.push({ kind: 'help' });
        break;
      default:
        // Not one of ours: both keys were meant for the machine.
        plain.push(DETACH_KEY, byte);
    }
  }
  flush();
  return { state: { escaped }, actions };
}
