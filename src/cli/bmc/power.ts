import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BootDevice, BootOverride, PowerAction } from '../../bmc/bmc.ts';
import { type LeafOptions, type Work, leaf, need, runLeaf } from './leaf.ts';
import { type Row, dashed } from './output.ts';

const DEVICES: readonly BootDevice[] = ['none', 'pxe', 'disk', 'cdrom', 'http', 'bios-setup'];

/** status, on, off, soft, cycle, reset, boot, identify, restart-bmc */
export function powerCommands(): Command[] {
  return [
    leaf('status', 'Show power, boot override and what the BMC says about itself').action(act(status)),
    leaf('on', 'Switch the machine on').action(act(power('on'))),
    leaf('off', 'Switch the machine off, hard')
      .option('--soft', 'the same as `soft`')
      .action((target: string, options: LeafOptions & { soft?: boolean }) =>
        runLeaf(target, options, power(options.soft === true ? 'soft-off' : 'off')),
      ),
    leaf('soft', 'Ask the operating system to shut down (ACPI); returns once asked').action(act(power('soft-off'))),
    leaf('cycle', 'Switch the machine off and on again, each step confirmed').action(act(power('cycle'))),
    leaf('reset', 'Reset a running machine; one that is off is switched on').action(act(power('reset'))),
    bootCommand(),
    leaf('identify', 'Light the locator of the machine')
      .argument('[seconds]', 'how long; 0 puts it out', whole, 15)
      .action((target: string, duration: number, options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          await need(bmc, 'management').identify(duration, signal);
          return { facts: { address: bmc.address, locator: duration === 0 ? 'off' : 'on', seconds: duration } };
        }),
      ),
    leaf('restart-bmc', 'Restart the BMC itself; it is silent for minutes afterwards')
      .option('--warm', 'the gentler way, where the BMC has one')
      .action((target: string, options: LeafOptions & { warm?: boolean }) =>
        runLeaf(target, options, async (bmc, signal) => {
          await need(bmc, 'management').resetBmc(options.warm === true ? 'warm' : 'cold', signal);
          return { facts: { address: bmc.address, restart: 'asked for' } };
        }),
      ),
  ];
}

function act(work: Work): (target: string, options: LeafOptions) => Promise<void> {
  return (target, options) => runLeaf(target, options, work);
}

const status: Work = async (bmc, signal) => {
  const info = await bmc.verify(signal);
  const powerNow = await bmc.powerState(signal);
  const boot = await bmc.bootOverride(signal);
  return {
    facts: {
      address: bmc.address,
      power: powerNow,
      ...bootFacts(boot),
      protocol: info.protocol,
      manufacturer: info.manufacturer,
      product: info.product,
      firmware: info.firmwareVersion,
      guid: dashed(info.guid),
      warning: info.warnings?.join('; '),
    },
  };
};

function bootFacts(boot: BootOverride): Row {
  if (boot.device === 'none') return { boot: 'none' };
  return { boot: boot.device, persistence: boot.persistence, bootFirmware: boot.firmware, httpUri: boot.httpUri };
}

function power(action: PowerAction): Work {
  return async (bmc, signal) => {
    await bmc.setPower(action, signal);
    return { facts: { address: bmc.address, action, power: await bmc.powerState(signal) } };
  };
}

interface BootOptions extends LeafOptions {
  persistent?: boolean;
  firmware: BootOverride['firmware'];
  uri?: string;
}

function bootCommand(): Command {
  return leaf('boot', 'Set what the machine boots next, read back and compared')
    .argument('<device>', `one of ${DEVICES.join(', ')}`, device)
    .option('--persistent', 'for all boots from now on, not only the next')
    .option('--uri <url>', 'for the device http: what the firmware fetches (default: what DHCP says)')
    .addOption(new Option('--firmware <kind>', 'kind of boot').choices(['uefi', 'legacy']).default('uefi'))
    .action((target: string, wanted: BootDevice, options: BootOptions) =>
      runLeaf(target, options, async (bmc, signal) => {
        const override: BootOverride = {
          device: wanted,
          persistence: options.persistent === true ? 'persistent' : 'once',
          firmware: options.firmware,
          ...(options.uri === undefined ? {} : { httpUri: options.uri }),
        };
        await bmc.setBootOverride(override, signal);
        return { facts: { address: bmc.address, ...bootFacts(await bmc.bootOverride(signal)) } };
      }),
    );
}

function device(text: string): BootDevice {
  const found = DEVICES.find((d) => d === text);
  if (found === undefined) throw new InvalidArgumentError(`known devices are ${DEVICES.join(', ')}`);
  return found;
}

function whole(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('a whole number of seconds is needed');
  return Number(text);
}
