import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../core/clock.ts';
import type { LogLevel } from '../core/log.ts';
import { pinoLogger } from '../core/log-pino.ts';
import type { AddressRange } from '../dhcp/config.ts';
import { type Standalone, type StandaloneConfig, startStandalone } from '../standalone.ts';
import { parseIpv4 } from '../wire/ipv4.ts';
import { EXIT, fail } from './fail.ts';

export const DEFAULT_DATA_DIR = '/var/lib/ingot';
const BUILT_RAMDISK = fileURLToPath(new URL('../../.cache/ramdisk-out', import.meta.url));
const INSTALLED_RAMDISK = '/usr/share/ingot/ramdisk';

interface Options {
  data: string;
  interface: string[];
  range: AddressRange[];
  proxyDhcp?: boolean;
  dhcp: boolean;
  apiAddress: string;
  apiPort: number;
  httpPort: number;
  agentPort: number;
  tftpPort: number;
  ramdisk?: string;
  ipxe: string;
  kernelArguments: string;
  agentBootTimeout: number;
  agentLostTimeout: number;
  logLevel: LogLevel;
  yes?: boolean;
  json?: boolean;
}

/** `ingot up`: everything in one process. */
export function upCommand(): Command {
  return new Command('up')
    .description('Run Ingot on this machine: API, DHCP, TFTP, HTTP and the engine. Ends with Ctrl-C. Needs root.')
    .addOption(new Option('--data <dir>', 'folder for everything that is kept').default(DEFAULT_DATA_DIR))
    .addOption(new Option('--interface <names>', 'network interfaces machines boot from').default([]).argParser(names))
    .addOption(new Option('--range <from-to>', 'addresses to give to machines').default([]).argParser(ranges))
    .option('--proxy-dhcp', 'give no addresses: another DHCP server on the network does')
    .option('--no-dhcp', 'answer no DHCP at all: another server points machines here')
    .addOption(new Option('--api-address <ip>', 'where kubectl connects to').default('127.0.0.1'))
    .addOption(new Option('--api-port <n>', 'and its port').default(6443).argParser(port))
    .addOption(new Option('--http-port <n>', 'boot files and images').default(8080).argParser(port))
    .addOption(new Option('--agent-port <n>', 'HTTPS for the agents in the ramdisk').default(8443).argParser(port))
    .addOption(new Option('--tftp-port <n>', 'first-stage loaders').default(69).argParser(port))
    .option('--ramdisk <dir>', 'folder with vmlinuz and ramdisk.zst (default: the one built here, or installed)')
    .addOption(new Option('--ipxe <dir>', 'folder with iPXE binaries').default('/usr/lib/ipxe'))
    .addOption(new Option('--kernel-arguments <text>', 'more arguments for the ramdisk’s kernel').default(''))
    .addOption(
      new Option('--agent-boot-timeout <s>', 'from power on to the agent’s registration')
        .default(900)
        .argParser(seconds),
    )
    .addOption(
      new Option('--agent-lost-timeout <s>', 'silence after which an agent is lost').default(90).argParser(seconds),
    )
    .addOption(new Option('--log-level <level>').choices(['debug', 'info', 'warn', 'error']).default('info'))
    .option('--yes', 'do not ask before answering DHCP')
    .option('--json', 'print what was started as one JSON line')
    .addHelpText(
      'after',
      `
DHCP is answered only for MAC addresses that a BareMetalHost names. Still, make sure that the network is yours.

Example:
  ingot up --interface eno2 --range 10.0.0.100-10.0.0.200
  export KUBECONFIG=${DEFAULT_DATA_DIR}/kubeconfig
  kubectl get baremetalhosts -w`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const log = pinoLogger(options.logLevel);
  const stop = new AbortController();
  try {
    const config = configOf(options);
    if (!(await agreed(options, config))) return;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error(signal)));
    const up = await startStandalone(config, { clock: systemClock, random: Math.random, log, signal: stop.signal });
    announce(options, up);
    await ended(up, stop);
    await up.close();
  } catch (error) {
    if (stop.signal.aborted) return;
    fail(error, options.json);
  }
}

/** Until a signal comes or a part fails; the failure is thrown after everything was closed. */
async function ended(up: Standalone, stop: AbortController): Promise<void> {
  const signalled = new Promise<void>((resolve) => {
    if (stop.signal.aborted) resolve();
    else stop.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    await Promise.race([signalled, up.done]);
  } catch (error) {
    stop.abort(error);
    await up.close();
    throw error;
  }
  stop.abort();
}

function announce(options: Options, up: Standalone): void {
  const { apiUrl, kubeconfig, httpPort, agentPort } = up;
  if (options.json)
    process.stdout.write(`${JSON.stringify({ ready: true, apiUrl, kubeconfig, httpPort, agentPort })}\n`);
  else process.stdout.write(`ready: API ${apiUrl}, export KUBECONFIG=${kubeconfig}\n`);
}

function configOf(o: Options): StandaloneConfig {
  return {
    dataDir: resolve(o.data),
    interfaces: o.interface,
    ranges: o.range,
    dhcp: o.proxyDhcp === true ? 'proxy' : o.dhcp ? 'server' : 'off',
    apiAddress: o.apiAddress,
    apiPort: o.apiPort,
    httpPort: o.httpPort,
    agentPort: o.agentPort,
    tftpPort: o.tftpPort,
    ramdiskDir: resolve(o.ramdisk ?? (existsSync(BUILT_RAMDISK) ? BUILT_RAMDISK : INSTALLED_RAMDISK)),
    ipxeDir: resolve(o.ipxe),
    kernelArguments: o.kernelArguments,
    limits: { agentBootMs: o.agentBootTimeout * 1000, agentLostMs: o.agentLostTimeout * 1000 },
    hosts: {},
  };
}

/** A second DHCP server on a network of somebody else makes enemies; a person at a terminal is asked first. */
async function agreed(options: Options, config: StandaloneConfig): Promise<boolean> {
  if (config.dhcp === 'off' || config.interfaces.length === 0) return true;
  const where = config.interfaces.join(', ');
  process.stderr.write(`Ingot will answer DHCP on ${where}, to machines that a BareMetalHost names.\n`);
  if (options.yes === true || !process.stdin.isTTY) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question('Is that network yours? [y/N] ');
  terminal.close();
  if (/^y(es)?$/i.test(answer.trim())) return true;
  process.exitCode = EXIT.usage;
  return false;
}

function names(text: string, before: string[]): string[] {
  return [...before, ...text.split(',').filter((n) => n !== '')];
}

function ranges(text: string, before: AddressRange[]): AddressRange[] {
  const added = text.split(',').map((part) => {
    const [from = '', to = from] = part.split('-');
    try {
      return { from: parseIpv4(from.trim()), to: parseIpv4(to.trim()) };
    } catch {
      throw new InvalidArgumentError('two addresses are wanted, like 10.0.0.100-10.0.0.200');
    }
  });
  return [...before, ...added];
}

function port(text: string): number {
  return whole(text, 0, 65535);
}

function seconds(text: string): number {
  return whole(text, 1, 86_400);
}

function whole(text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new InvalidArgumentError(`a whole number from ${min} to ${max} is wanted`);
}
