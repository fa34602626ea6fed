import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Bmc, BootDevice, BootOverride, PowerAction } from '../bmc/bmc.ts';
import { bmcErrors } from '../bmc/errors.ts';
import { openBmc } from '../bmc/open.ts';
import { systemClock } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import { silentLogger } from '../core/log.ts';
import { pinoLogger } from '../core/log-pino.ts';
import { fail } from './fail.ts';

const PASSWORD_VARIABLE = 'INGOT_BMC_PASSWORD';
const DEFAULT_TIMEOUT_S = 150;
const DEVICES: readonly BootDevice[] = ['none', 'pxe', 'disk', 'cdrom', 'bios-setup'];

interface CommonOptions {
  address: string;
  username: string;
  passwordFile?: string;
  timeout: number;
  json?: boolean;
  verbose?: boolean;
}

/** What a subcommand did or found: one flat object, printed as lines or as JSON. */
type Result = Record<string, string | number>;
type Work = (bmc: Bmc, signal: AbortSignal) => Promise<Result>;

/** `ingot bmc`: talks to one BMC directly, without a running Ingot. */
export function bmcCommand(): Command {
  const bmc = new Command('bmc')
    .description('Look at and control one BMC directly (IPMI 2.0). Every change is read back before it is reported.')
    .addHelpText(
      'after',
      `
The password is read from the environment variable ${PASSWORD_VARIABLE} or from --password-file,
never from the command line, where every user of this machine could see it.

Examples:
  ${PASSWORD_VARIABLE}=… ingot bmc status --address ipmi://192.0.2.10 --username admin
  ingot bmc boot pxe --firmware uefi --address ipmi://192.0.2.10 --username admin --password-file bmc.pass
  ingot bmc cycle --json --address 192.0.2.10:6230 --username admin --password-file bmc.pass`,
    );
  bmc.addCommand(leaf('status', 'Show power, boot override and what the BMC says about itself', status));
  bmc.addCommand(leaf('on', 'Switch the machine on', power('on')));
  bmc.addCommand(offCommand());
  bmc.addCommand(leaf('cycle', 'Switch the machine off and on again, each step confirmed', power('cycle')));
  bmc.addCommand(leaf('reset', 'Reset a running machine; one that is off is switched on', power('reset')));
  bmc.addCommand(bootCommand());
  return bmc;
}

function leaf(name: string, description: string, work: Work): Command {
  return common(new Command(name).description(description)).action((options: CommonOptions) => run(options, work));
}

function common(command: Command): Command {
  return command
    .requiredOption('--address <address>', 'BMC address as in spec.bmc.address: ipmi://HOST[:PORT] or HOST[:PORT]')
    .requiredOption('--username <name>', 'user name on the BMC')
    .option('--password-file <file>', `file with the password (default: the variable ${PASSWORD_VARIABLE})`)
    .option('--timeout <seconds>', 'longest time for the whole command', seconds, DEFAULT_TIMEOUT_S)
    .option('--json', 'print one JSON object')
    .option('--verbose', 'log what happens on the wire to stderr');
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number of seconds greater than 0 is needed');
  return value;
}

async function status(bmc: Bmc, signal: AbortSignal): Promise<Result> {
  const info = await bmc.verify(signal);
  const powerNow = await bmc.powerState(signal);
  const boot = await bmc.bootOverride(signal);
  return {
    address: bmc.address,
    power: powerNow,
    ...bootResult(boot),
    protocol: info.protocol,
    manufacturer: info.manufacturer ?? '',
    product: info.product ?? '',
    firmware: info.firmwareVersion ?? '',
    guid: info.guid ?? '',
  };
}

function bootResult(boot: BootOverride): Result {
  if (boot.device === 'none') return { boot: 'none' };
  return { boot: boot.device, persistence: boot.persistence, bootFirmware: boot.firmware };
}

function power(action: PowerAction): Work {
  return async (bmc, signal) => {
    await bmc.setPower(action, signal);
    return { address: bmc.address, action, power: await bmc.powerState(signal) };
  };
}

function offCommand(): Command {
  return common(new Command('off').description('Switch the machine off'))
    .option('--soft', 'ask the operating system to shut down (ACPI) and return once asked')
    .action((options: CommonOptions & { soft?: boolean }) =>
      run(options, power(options.soft === true ? 'soft-off' : 'off')),
    );
}

interface BootOptions extends CommonOptions {
  persistent?: boolean;
  firmware: BootOverride['firmware'];
}

function bootCommand(): Command {
  return common(new Command('boot').description('Set what the machine boots next, read back and compared'))
    .argument('<device>', `one of ${DEVICES.join(', ')}`, device)
    .option('--persistent', 'for all boots from now on, not only the next')
    .addOption(new Option('--firmware <kind>', 'kind of boot').choices(['uefi', 'legacy']).default('uefi'))
    .action((target: BootDevice, options: BootOptions) =>
      run(options, async (bmc, signal) => {
        const persistence = options.persistent === true ? 'persistent' : 'once';
        await bmc.setBootOverride({ device: target, persistence, firmware: options.firmware }, signal);
        return { address: bmc.address, ...bootResult(await bmc.bootOverride(signal)) };
      }),
    );
}

function device(text: string): BootDevice {
  const found = DEVICES.find((d) => d === text);
  if (found === undefined) throw new InvalidArgumentError(`known devices are ${DEVICES.join(', ')}`);
  return found;
}

async function run(options: CommonOptions, work: Work): Promise<void> {
  try {
    print(await withBmc(options, work), options.json === true);
  } catch (error) {
    fail(error, options.json === true);
  }
}

async function withBmc(options: CommonOptions, work: Work): Promise<Result> {
  const bmc = openBmc({
    address: options.address,
    credentials: { username: options.username, password: await password(options) },
    disableCertificateVerification: false,
    doors: {
      clock: systemClock,
      random: Math.random,
      log: options.verbose === true ? pinoLogger('debug') : silentLogger,
    },
  });
  const interrupted = new AbortController();
  const stop = () => interrupted.abort(new Error('interrupted'));
  process.once('SIGINT', stop);
  try {
    using deadline = new Deadline(systemClock, `BMC ${bmc.address}`, options.timeout * 1000, interrupted.signal);
    return await work(bmc, deadline.signal);
  } finally {
    process.off('SIGINT', stop);
    await bmc.close();
  }
}

async function password(options: CommonOptions): Promise<string> {
  const { passwordFile } = options;
  const text = passwordFile === undefined ? process.env[PASSWORD_VARIABLE] : await readFile(passwordFile, 'utf8');
  // Editors end files with a newline that nobody meant.
  const value = text?.replace(/\r?\n$/, '');
  if (value === undefined || value === '') {
    throw bmcErrors.make('BMC_CREDENTIALS_INVALID', 'no password for the BMC', {
      hint: `set ${PASSWORD_VARIABLE} or give --password-file`,
    });
  }
  return value;
}

function print(result: Result, json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ result: 'ok', ...result }));
    return;
  }
  const entries = Object.entries(result).filter(([, value]) => value !== '');
  const width = Math.max(...entries.map(([key]) => key.length));
  for (const [key, value] of entries) console.log(`${key.padEnd(width)}  ${value}`);
}
