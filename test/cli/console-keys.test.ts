import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type KeysAction, type KeysState, readKeys } from '../../src/cli/console-keys.ts';

const START: KeysState = { escaped: false };
const typed = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));
const words = (actions: readonly KeysAction[]) =>
  actions.map((a) => (a.kind === 'send' ? Buffer.from(a.bytes).toString('latin1') : `<${a.kind}>`)).join('');

test('keys go to the machine; ctrl-] and one more are ours', () => {
  const all = (text: string) => words(readKeys(START, typed(text)).actions);
  assert.equal(all('ls\r'), 'ls\r');
  assert.equal(all('\u0003\u0004'), '\u0003\u0004');
  assert.equal(all('a\u001dbc'), 'a<break>c');
  assert.equal(all('a\u001d?b'), 'a<help>b');
  assert.equal(all('\u001d\u001d'), '\u001d');
  assert.equal(all('\u001dx'), '\u001dx');
  assert.equal(all('a\u001d.rm -rf /'), 'a<detach>');
});

test('keys mean the same however they are cut into pieces', () => {
  const key = fc.constantFrom('a', '\u001d', 'b', '?', 'x', '\r');
  fc.assert(
    fc.property(fc.array(fc.array(key, { maxLength: 6 }), { maxLength: 8 }), (pieces) => {
      let state = START;
      let seen = '';
      for (const piece of pieces) {
        const read = readKeys(state, typed(piece.join('')));
        ({ state } = read);
        seen += words(read.actions);
      }
      const whole = readKeys(START, typed(pieces.flat().join('')));
      assert.equal(seen, words(whole.actions));
      assert.deepEqual(state, whole.state);
    }),
  );
});
