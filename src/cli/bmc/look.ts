import { type Command, InvalidArgumentError } from 'commander';
import type { Inventory } from '../../bmc/capabilities.ts';
import { bmcErrors } from '../../bmc/errors.ts';
import { type LeafOptions, leaf, need, offers, runLeaf } from './leaf.ts';
import { type Result, dashed } from './output.ts';

/** info, sensors, sel, fru, users: looking without touching (but for `sel clear`). */
export function lookCommands(): Command[] {
  return [
    leaf('info', 'Show the BMC, its network, what it can do, and the machine as it knows it').action(
      (target: string, options: LeafOptions) => runLeaf(target, options, info),
    ),
    leaf('sensors', 'Read all sensors').action((target: string, options: LeafOptions) =>
      runLeaf(target, options, async (bmc, signal) => {
        const sensors = await need(bmc, 'sensing').sensors(signal);
        const rows = sensors.map((s) => ({
          name: s.name,
          kind: s.kind,
          reading: s.reading,
          unit: s.unit,
          // Most often of a machine that is off.
          state: s.states?.join(', ') ?? (s.reading === undefined ? 'no reading' : undefined),
          health: s.health,
        }));
        return { rows, none: 'no sensors' };
      }),
    ),
    selCommand(),
    leaf('fru', 'Show what is written on the parts: part and serial numbers').action(
      (target: string, options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          const fields = await need(bmc, 'frus').fru(signal);
          return { rows: fields.map(({ area, name, value }) => ({ area, name, value })), none: 'no FRU data' };
        }),
    ),
    leaf('users', 'List the accounts of the BMC').action((target: string, options: LeafOptions) =>
      runLeaf(target, options, async (bmc, signal) => ({
        rows: (await need(bmc, 'management').accounts(signal)).map((a) => ({ ...a })),
        none: 'no accounts',
      })),
    ),
    leaf('certificates', 'List the certificates of the BMC').action((target: string, options: LeafOptions) =>
      runLeaf(target, options, async (bmc, signal) => {
        const management = need(bmc, 'management');
        if (management.certificates === undefined)
          throw bmcErrors.make('BMC_UNSUPPORTED', `BMC ${bmc.address} lists no certificates`);
        const found = await management.certificates(signal);
        const rows = found.map(({ subject, issuer, notAfter, fingerprint }) => ({
          subject,
          issuer,
          notAfter,
          fingerprint,
        }));
        return { rows, none: 'no certificates' };
      }),
    ),
  ];
}

async function info(...[bmc, signal]: Parameters<Parameters<typeof runLeaf>[2]>): Promise<Result> {
  const { protocol, manufacturer, product, firmwareVersion, guid } = await bmc.verify(signal);
  const network = await bmc.management?.network(signal);
  const found = await bmc.inspection?.inventory(signal);
  return {
    facts: {
      address: bmc.address,
      protocol,
      manufacturer: found?.manufacturer ?? manufacturer,
      product: found?.product ?? product,
      firmware: firmwareVersion,
      guid: dashed(guid),
      mac: network?.mac,
      addresses: network?.addresses.join(', '),
      addressSource: network?.source,
      offers: offers(bmc),
      ...(found === undefined ? {} : machine(found)),
    },
  };
}

function machine(found: Inventory): NonNullable<Result['facts']> {
  const { cpu, bios } = found;
  return {
    serialNumber: found.serialNumber,
    uuid: found.systemUuid,
    health: found.health,
    bios: bios.version,
    cpu: [cpu.model, cpu.threads === undefined ? undefined : `${cpu.threads} threads`].filter(Boolean).join(', '),
    memoryMiB: found.ramMebibytes,
    nics: found.nics.map((n) => n.mac).join(', '),
    drives: found.drives.map((d) => d.model ?? d.name).join(', '),
  };
}

function selCommand(): Command {
  return leaf('sel', 'Show the system event log, or clear it')
    .argument('[action]', 'list or clear', action, 'list')
    .option('--limit <n>', 'the newest so many entries', count, 100)
    .action((target: string, what: 'list' | 'clear', options: LeafOptions & { limit: number }) =>
      runLeaf(target, options, async (bmc, signal) => {
        const log = need(bmc, 'eventLog');
        if (what === 'clear') {
          await log.clear(signal);
          return { facts: { address: bmc.address, sel: 'cleared' } };
        }
        const entries = await log.entries(options.limit, signal);
        return {
          rows: entries.map(({ id, time, severity, text }) => ({ id, time, severity, text })),
          none: 'no entries',
        };
      }),
    );
}

function action(text: string): 'list' | 'clear' {
  if (text !== 'list' && text !== 'clear') throw new InvalidArgumentError('list or clear is meant');
  return text;
}

function count(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('a number from 1 to 99999 is needed');
  return Number(text);
}
