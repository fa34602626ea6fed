import { Command } from 'commander';
import { biosValue } from '../../bmc/bios-values.ts';
import type { BiosAttribute, BiosValue } from '../../bmc/capabilities.ts';
import { cliErrors } from '../api-client.ts';
import { type LeafOptions, leaf, need, runLeaf } from './leaf.ts';

/** bios get, set, reset */
export function biosCommand(): Command {
  const bios = new Command('bios').description('BIOS settings');
  bios.addCommand(
    leaf('get', 'Show settings, what waits for a restart, and what may be chosen')
      .argument('[names...]', 'only these (default: all)')
      .action((target: string, names: readonly string[], options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          const control = need(bmc, 'bios');
          const { attributes, pending } = await control.state(signal);
          const registry = new Map((await control.registry(signal)).map((a) => [a.name, a]));
          const shown = names.length === 0 ? Object.keys(attributes).toSorted() : names;
          const unknown = shown.find((name) => !Object.hasOwn(attributes, name));
          if (unknown !== undefined) throw unknownSetting(unknown, Object.keys(attributes));
          const rows = shown.map((name) => ({
            name,
            value: attributes[name],
            pending: pending[name],
            choices: choices(registry.get(name)),
          }));
          return { rows, none: 'no settings' };
        }),
      ),
  );
  bios.addCommand(
    leaf('set', 'Stage settings; they apply at the next start of the machine')
      .argument('<settings...>', 'NAME=VALUE')
      .action((target: string, settings: readonly string[], options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          const control = need(bmc, 'bios');
          const { attributes } = await control.state(signal);
          const registry = await control.registry(signal);
          const changes = Object.fromEntries(settings.map((text) => change(text, attributes, registry)));
          const applies = (await control.set(changes, signal)) === 'done' ? 'now' : 'at the next start';
          const rows = Object.entries(changes).map(([name, value]) => ({ name, value }));
          return { facts: { address: bmc.address, applies }, rows };
        }),
      ),
  );
  bios.addCommand(
    leaf('reset', 'Factory settings at the next start').action((target: string, options: LeafOptions) =>
      runLeaf(target, options, async (bmc, signal) => {
        await need(bmc, 'bios').reset(signal);
        return { facts: { address: bmc.address, bios: 'factory settings at the next start' } };
      }),
    ),
  );
  return bios;
}

function choices(attribute: BiosAttribute | undefined): string | undefined {
  if (attribute?.readOnly === true) return 'read-only';
  if (attribute?.allowableValues !== undefined) return attribute.allowableValues.join(' | ');
  const { lowerBound, upperBound } = attribute ?? {};
  return lowerBound === undefined && upperBound === undefined ? undefined : `${lowerBound ?? ''}..${upperBound ?? ''}`;
}

/** `NAME=VALUE` with the type that the BMC has now, or that its registry tells. */
export function change(
  text: string,
  attributes: Readonly<Record<string, BiosValue>>,
  registry: readonly BiosAttribute[],
): [string, BiosValue] {
  const split = text.indexOf('=');
  const [name, value] = [text.slice(0, split), text.slice(split + 1)];
  if (split < 1) throw cliErrors.make('CLI_ARGUMENT', `"${text}" is not NAME=VALUE`, { hint: 'write NAME=VALUE' });
  if (!Object.hasOwn(attributes, name)) throw unknownSetting(name, Object.keys(attributes));
  const typed = biosValue(name, value, attributes, registry);
  if (typed === undefined) {
    const kind = typeof attributes[name] === 'boolean' ? 'true or false' : 'a number';
    throw cliErrors.make('CLI_ARGUMENT', `${name} is ${kind}, not "${value}"`, { hint: `give ${kind}` });
  }
  const rule = registry.find((a) => a.name === name);
  const problem = rule === undefined ? undefined : problemOf(typed, rule);
  if (problem === undefined) return [name, typed];
  throw cliErrors.make('CLI_ARGUMENT', `${name} ${problem}`, { hint: '`ingot bmc bios get` shows what may be chosen' });
}

/** Why the machine's own rules do not allow a value. What they say nothing about is for the BMC to judge. */
function problemOf(value: BiosValue, rule: BiosAttribute): string | undefined {
  if (rule.readOnly === true) return 'is read-only';
  const { allowableValues, lowerBound, upperBound } = rule;
  if (allowableValues !== undefined && !allowableValues.includes(String(value))) {
    return `takes ${allowableValues.join(' or ')}, not "${value}"`;
  }
  if (typeof value !== 'number') return undefined;
  const low = lowerBound !== undefined && value < lowerBound;
  const high = upperBound !== undefined && value > upperBound;
  return low || high ? `takes ${lowerBound ?? ''} to ${upperBound ?? ''}, not ${value}` : undefined;
}

function unknownSetting(name: string, known: readonly string[]): Error {
  const close = known.filter((k) => k.toLowerCase().includes(name.toLowerCase())).slice(0, 5);
  const hint = close.length === 0 ? 'see `ingot bmc bios get`' : `there are ${close.join(', ')}`;
  return cliErrors.make('CLI_ARGUMENT', `this machine has no BIOS setting "${name}"`, { hint });
}
