import { Argument, type Command } from 'commander';
import type { SecureBootKeys } from '../../bmc/capabilities.ts';
import { bmcErrors } from '../../bmc/errors.ts';
import { type LeafOptions, leaf, need, runLeaf } from './leaf.ts';

const KEYS: Readonly<Record<string, SecureBootKeys>> = {
  'default-keys': 'default',
  'no-keys': 'none',
  'no-platform-key': 'no-platform-key',
};

/** boot-mode, secure-boot */
export function bootModeCommands(): Command[] {
  return [
    leaf('boot-mode', 'Show the boot mode of the machine, or set it')
      .addArgument(new Argument('[mode]', 'what to set').choices(['uefi', 'legacy']))
      .action((target: string, mode: 'uefi' | 'legacy' | undefined, options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          const control = need(bmc, 'bootMode');
          const set = mode === undefined ? undefined : await control.setBootMode(mode, signal);
          return { facts: { address: bmc.address, bootMode: await control.bootMode(signal), set } };
        }),
      ),
    leaf('secure-boot', 'Show Secure Boot, switch it, or reset its keys; takes effect at the next start')
      .addArgument(new Argument('[change]', 'what to change').choices(['on', 'off', ...Object.keys(KEYS)]))
      .action((target: string, change: string | undefined, options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          const control = need(bmc, 'bootMode');
          const facts = async (set?: string) => {
            const on = await control.secureBoot(signal);
            return { facts: { address: bmc.address, secureBoot: on === undefined ? 'none' : on ? 'on' : 'off', set } };
          };
          if (change === undefined) return await facts();
          const keys = KEYS[change];
          if (keys === undefined) return await facts(await control.setSecureBoot(change === 'on', signal));
          if (control.resetKeys === undefined) {
            throw bmcErrors.make('BMC_UNSUPPORTED', `BMC ${bmc.address} resets no keys of Secure Boot`);
          }
          await control.resetKeys(keys, signal);
          return await facts('asked for');
        }),
      ),
  ];
}
