import { appendFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { bmcAnnotations } from '../../api/annotations.ts';
import type { Bmc } from '../../bmc/bmc.ts';
import type { BmcCapabilities } from '../../bmc/capabilities.ts';
import { bmcErrors } from '../../bmc/errors.ts';
import { openBmc } from '../../bmc/open.ts';
import { systemClock } from '../../core/clock.ts';
import { Deadline } from '../../core/deadline.ts';
import { type Logger, silentLogger } from '../../core/log.ts';
import { pinoLogger } from '../../core/log-pino.ts';
import { type Trace, traceLine } from '../../core/trace.ts';
import { fail } from '../fail.ts';
import { readNamedFile } from '../read-file.ts';
import { DEFAULT_DATA_DIR } from '../up.ts';
import { forCommandLine } from './command-hints.ts';
import { type Result, render } from './output.ts';
import { PASSWORD_VARIABLE } from './password.ts';
import { type BmcTarget, type TargetOptions, parseTarget, resolveTarget } from './target.ts';

const DEFAULT_TIMEOUT_S = 150;
/** Whoever ends us early still gets the session closed: BMCs have few and keep a lost one for a minute. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface LeafOptions extends TargetOptions {
  timeout: number;
  json?: boolean;
  fingerprint?: string;
  ca?: string;
  quirks?: string;
  /** File, or `-`. */
  trace?: string;
  verbose?: boolean;
}

/** What a subcommand does with an open BMC. Extra arguments and options of the command come as commander gives them. */
export type Work = (bmc: Bmc, signal: AbortSignal) => Promise<Result>;

/** A command with the target as its first argument and the options that all share. */
export function leaf(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument(
      '<target>',
      'ipmi://USER@HOST, redfish://USER@HOST, HOST[:PORT], or a BareMetalHost: NAME, NAMESPACE/NAME',
    )
    .option('--username <name>', 'user name on the BMC (default: the one in the address)')
    .option(
      '--password-file <file>',
      `file with the password (default: the variable ${PASSWORD_VARIABLE}, else a prompt)`,
    )
    .option('--insecure', 'do not check the certificate of a Redfish BMC')
    .option('--fingerprint <sha256>', 'believe this certificate of a Redfish BMC and no other')
    .option('--ca <file>', 'PEM file with CAs to trust, beside the system’s')
    .option('--quirks <names>', 'departures of the BMC from its protocol, comma separated; -NAME takes one away')
    .option('-n, --namespace <name>', 'namespace of the BareMetalHost (default: the kubeconfig’s)')
    .option('--kubeconfig <file>', 'for a BareMetalHost; default: KUBECONFIG, then the data folder’s')
    .addOption(new Option('--data <dir>', 'data folder of ingot up').default(DEFAULT_DATA_DIR))
    .option('--timeout <seconds>', 'longest time for the whole command', seconds, DEFAULT_TIMEOUT_S)
    .option('--json', 'print one JSON object')
    .option('--trace <file>', 'write every exchange with the BMC to a file, secrets taken out (- is stderr)')
    .option('--verbose', 'log what happens on the wire to stderr');
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number of seconds greater than 0 is needed');
  return value;
}

/** Opens the BMC, does the work, prints what came of it or why nothing did, and always closes the session. */
export async function runLeaf(target: string, options: LeafOptions, work: Work): Promise<void> {
  try {
    const log = options.verbose === true ? pinoLogger('debug') : silentLogger;
    process.stdout.write(render(await withBmc(target, options, log, work), options.json === true));
  } catch (error) {
    const direct = isAddress(target);
    fail(direct ? forCommandLine(error) : error, options.json === true);
  }
}

export async function withBmc<T>(
  text: string,
  options: LeafOptions,
  log: Logger,
  work: (bmc: Bmc, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const target = await resolveTarget(text, options);
  const bmc = openBmc({
    address: target.address,
    credentials: target,
    disableCertificateVerification: target.disableCertificateVerification,
    ...(target.host === undefined ? {} : bmcAnnotations(target.host)),
    ...(options.fingerprint === undefined ? {} : { fingerprint: options.fingerprint }),
    ...(options.quirks === undefined ? {} : { quirks: options.quirks.split(',').map((name) => name.trim()) }),
    doors: {
      clock: systemClock,
      random: Math.random,
      log,
      ...(options.ca === undefined ? {} : { ca: await readNamedFile('--ca', options.ca) }),
      ...(options.trace === undefined ? {} : { trace: traceTo(options.trace, target) }),
    },
  });
  const interrupted = new AbortController();
  const stop = () => interrupted.abort(new Error('interrupted'));
  for (const name of SIGNALS) process.once(name, stop);
  try {
    using deadline = new Deadline(systemClock, `BMC ${bmc.address}`, options.timeout * 1000, interrupted.signal);
    return await work(bmc, deadline.signal);
  } finally {
    await bmc.close();
    for (const name of SIGNALS) process.off(name, stop);
  }
}

/** Appends as it happens: a command that hangs has told how far it got. */
function traceTo(file: string, target: BmcTarget): Trace {
  return (exchange) => {
    const line = `${traceLine(exchange, systemClock.now(), [target.password])}\n`;
    if (file === '-') process.stderr.write(line);
    else appendFileSync(file, line, { mode: 0o600 });
  };
}

/** Does the target name no host object? What is not even an address counts as one: its error says so. */
function isAddress(target: string): boolean {
  try {
    return parseTarget(target).kind === 'address';
  } catch {
    return true;
  }
}

/** What each capability is called when it is missing. */
const NAMES: Readonly<Record<keyof BmcCapabilities, string>> = {
  media: 'virtual media',
  bootMode: 'boot mode and Secure Boot',
  bios: 'BIOS settings',
  firmware: 'firmware updates',
  storage: 'RAID volumes',
  events: 'event subscriptions',
  inspection: 'an inventory',
  sensing: 'sensors',
  eventLog: 'an event log',
  frus: 'FRU data',
  console: 'a serial console',
  management: 'management of the BMC itself',
};

/** @throws BMC_UNSUPPORTED in words when the BMC cannot do it */
export function need<K extends keyof BmcCapabilities>(bmc: Bmc, key: K): NonNullable<BmcCapabilities[K]> {
  const found = bmc[key];
  if (found !== undefined) return found;
  throw bmcErrors.make('BMC_UNSUPPORTED', `BMC ${bmc.address} does not offer ${NAMES[key]} by this protocol`);
}

/** Names of what an open BMC offers. */
export function offers(bmc: Bmc): string {
  const keys = Object.keys(NAMES) as (keyof BmcCapabilities)[];
  return keys
    .filter((key) => bmc[key] !== undefined)
    .map((key) => NAMES[key])
    .join(', ');
}
