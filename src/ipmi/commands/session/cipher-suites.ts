import { NetFn, THIS_CHANNEL } from '../../numbers.ts';
import { AppCmd } from '../app/numbers.ts';
import type { Command } from '../command.ts';

/** Get Channel Cipher Suites (§22.15): part `index`, 16 bytes each, of the suite records; a shorter one is the last. */
export function getChannelCipherSuites(index: number): Command<Uint8Array> {
  return {
    name: 'Get Channel Cipher Suites',
    netFn: NetFn.app,
    cmd: AppCmd.getChannelCipherSuites,
    data: Uint8Array.of(THIS_CHANNEL, 0, 0x80 | index),
    idempotent: true,
    parse(reader) {
      reader.skip(1, 'channel');
      return reader.rest();
    },
  };
}
