import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { LogLevel } from '../core/log.ts';
import type { AddressRange, Reservation } from '../dhcp/config.ts';
import type { SubnetOptions, SubnetWish } from '../dhcp/plan.ts';
import type { EngineConfig } from '../engine.ts';
import type { HostControllerConfig } from '../host/controller.ts';
import type { Ipv4 } from '../wire/ipv4.ts';
import { EXIT } from './fail.ts';
import { addressValue, durationValue, hostAddressValue, rangeValue, reservationValue } from './values.ts';

const BUILT_RAMDISK = fileURLToPath(new URL('../../.cache/ramdisk-out', import.meta.url));
const INSTALLED_RAMDISK = '/usr/share/ingot/ramdisk';

/** What `ingot up` and `ingot operator` have in common. */
export interface EngineOptions {
  config?: string;
  data: string;
  interface: string[];
  range: AddressRange[];
  reserve: Reservation[];
  router: Ipv4[];
  dns: Ipv4[];
  domain?: string;
  leaseTime?: number;
  proxyDhcp?: boolean;
  dhcp: boolean;
  httpPort: number;
  agentPort: number;
  tftpPort: number;
  ramdisk?: string;
  ipxe: string;
  kernelArguments: string;
  bmcCa?: string;
  mediaAddress?: string;
  ramdiskAddress?: string;
  recordConsole?: boolean;
  bmcEvents?: boolean;
  agentBootTimeout: number;
  missedBootTimeout: number;
  agentLostTimeout: number;
  logLevel: LogLevel;
  yes?: boolean;
  json?: boolean;
  /** Only a file has room for these. */
  subnets?: SubnetWish[];
  networkDefaults?: SubnetOptions;
  hosts?: Partial<HostControllerConfig>;
}

/** Adds the options of the engine to a command. */
export function addEngineOptions(command: Command): Command {
  return command
    .option('--config <file>', 'settings in YAML; flags come before it')
    .addOption(
      new Option('--interface <names>', 'network interfaces machines boot from').default([], 'none').argParser(names),
    )
    .addOption(
      new Option('--range <from-to>', 'addresses to give to machines')
        .default([], 'none')
        .argParser(listed(rangeValue)),
    )
    .addOption(
      new Option('--reserve <mac=ip>', 'always this address for this machine; may be repeated')
        .default([], 'none')
        .argParser(listed(reservationValue)),
    )
    .addOption(
      new Option('--router <ips>', 'gateway told to machines').default([], 'none').argParser(listed(addressValue)),
    )
    .addOption(
      new Option('--dns <ips>', 'name servers told to machines').default([], 'none').argParser(listed(addressValue)),
    )
    .option('--domain <name>', 'domain told to machines')
    .addOption(new Option('--lease-time <time>', 'like 900, 15m or 12h (default: 1h)').argParser(leaseTime))
    .option('--proxy-dhcp', 'give no addresses: another DHCP server on the network does')
    .option('--no-dhcp', 'answer no DHCP at all: another server points machines here')
    .addOption(new Option('--http-port <n>', 'boot files and images').default(8080).argParser(port))
    .addOption(new Option('--agent-port <n>', 'HTTPS for the agents in the ramdisk').default(8443).argParser(port))
    .addOption(new Option('--tftp-port <n>', 'first-stage loaders').default(69).argParser(port))
    .option('--ramdisk <dir>', 'folder with vmlinuz and ramdisk.zst (default: the one built here, or installed)')
    .addOption(new Option('--ipxe <dir>', 'folder with iPXE binaries').default('/usr/lib/ipxe'))
    .addOption(new Option('--kernel-arguments <text>', 'more arguments for the ramdisk’s kernel').default(''))
    .addOption(
      new Option('--media-address <ip>', 'where BMCs fetch ISOs (default: our address on the way to each)').argParser(
        addressText,
      ),
    )
    .addOption(
      new Option(
        '--ramdisk-address <ip>',
        'where machines booted from an ISO find us (default: our address on --interface, else as BMCs do)',
      ).argParser(addressText),
    )
    .option('--bmc-ca <file>', 'PEM file with CAs to trust in certificates of Redfish BMCs, beside the system’s')
    .option('--record-console', 'record the serial console of each boot into the ramdisk (takes the BMC’s console)')
    .option('--bmc-events', 'let Redfish BMCs post their events to --http-port; `ingot explain --timeline` shows them')
    .addOption(
      new Option('--agent-boot-timeout <s>', 'from power on to the agent’s registration')
        .default(900)
        .argParser(seconds),
    )
    .addOption(
      new Option(
        '--missed-boot-timeout <s>',
        'after a restart: silence since power on after which an unknown machine is booted again; its self test is shorter',
      )
        .default(240)
        .argParser(seconds),
    )
    .addOption(
      new Option('--agent-lost-timeout <s>', 'silence after which an agent is lost').default(90).argParser(seconds),
    )
    .addOption(new Option('--log-level <level>').choices(['debug', 'info', 'warn', 'error']).default('info'))
    .option('--yes', 'do not ask before answering DHCP')
    .option('--json', 'print what was started as one JSON line');
}

export function engineConfig(o: EngineOptions): EngineConfig {
  const everywhere = {
    ...(o.dns.length === 0 ? {} : { dns: o.dns }),
    ...(o.domain === undefined ? {} : { domain: o.domain }),
    ...(o.leaseTime === undefined ? {} : { leaseSeconds: o.leaseTime }),
  };
  return {
    dataDir: resolve(o.data),
    interfaces: o.interface,
    network: {
      ranges: o.range,
      reservations: o.reserve,
      routers: o.router,
      subnets: o.subnets ?? [],
      defaults: o.networkDefaults ?? {},
      everywhere,
    },
    dhcp: o.proxyDhcp === true ? 'proxy' : o.dhcp ? 'server' : 'off',
    httpPort: o.httpPort,
    agentPort: o.agentPort,
    tftpPort: o.tftpPort,
    ramdiskDir: resolve(o.ramdisk ?? (existsSync(BUILT_RAMDISK) ? BUILT_RAMDISK : INSTALLED_RAMDISK)),
    ipxeDir: resolve(o.ipxe),
    kernelArguments: o.kernelArguments,
    ...(o.bmcCa === undefined ? {} : { bmcCaFile: resolve(o.bmcCa) }),
    mediaAddress: o.mediaAddress,
    ramdiskAddress: o.ramdiskAddress,
    recordConsole: o.recordConsole,
    bmcEvents: o.bmcEvents,
    limits: {
      agentBootMs: o.agentBootTimeout * 1000,
      missedBootMs: o.missedBootTimeout * 1000,
      agentLostMs: o.agentLostTimeout * 1000,
    },
    hosts: o.hosts ?? {},
  };
}

/** A second DHCP server on a network of somebody else makes enemies; a person at a terminal is asked first. */
export async function agreedToDhcp(options: EngineOptions, config: EngineConfig): Promise<boolean> {
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

/** Values between commas, added to those of earlier flags. */
function listed<T>(parse: (text: string) => T) {
  return (text: string, before: T[]): T[] => [...before, ...text.split(',').map((part) => flagValue(parse, part))];
}

function flagValue<T>(parse: (text: string) => T, text: string): T {
  try {
    return parse(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function addressText(text: string): string {
  return flagValue(hostAddressValue, text);
}

function leaseTime(text: string): number {
  const time = flagValue(durationValue, text);
  if (time >= 10) return time;
  throw new InvalidArgumentError('at least 10 seconds are wanted');
}

/** A TCP or UDP port; 0 picks a free one. */
export function port(text: string): number {
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
