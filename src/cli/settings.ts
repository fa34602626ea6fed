/** Flags and configuration file made into one: a flag that was typed wins. */
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import type { SubnetWish } from '../dhcp/plan.ts';
import { readConfigFile } from './config-file.ts';
import type { ConfigFile } from './config-schema.ts';
import type { EngineOptions } from './engine-options.ts';

/**
 * The options with what the file named by `--config` says, where no flag says otherwise.
 * @param options as commander gives them, of the command's own type
 * @throws SERVER_CONFIG
 */
export async function withConfigFile<T extends EngineOptions>(options: T, command: Command): Promise<T> {
  if (options.config === undefined) return options;
  const file = optionsOf(await readConfigFile(options.config), dirname(resolve(options.config)));
  const typed = (name: string) => command.getOptionValueSource(name) === 'cli';
  // These two are one choice.
  const modeTyped = typed('proxyDhcp') || typed('dhcp');
  const kept = Object.entries(file).filter(([name, value]) => {
    if (value === undefined || typed(name)) return false;
    return !(modeTyped && (name === 'dhcp' || name === 'proxyDhcp'));
  });
  return { ...options, ...Object.fromEntries(kept) };
}

/** @param dir what relative paths in the file start from */
function optionsOf(file: ConfigFile, dir: string): Partial<Record<keyof EngineOptions, unknown>> {
  const { dhcp, ports, timeouts } = file;
  const at = (path: string | undefined) => (path === undefined ? undefined : resolve(dir, path));
  return {
    data: at(file.data),
    ramdisk: at(file.ramdisk),
    ipxe: at(file.ipxe),
    bmcCa: at(file.bmcCa),
    interface: file.interfaces,
    httpPort: ports?.http,
    agentPort: ports?.agent,
    tftpPort: ports?.tftp,
    kernelArguments: file.kernelArguments,
    mediaAddress: file.mediaAddress,
    ramdiskAddress: file.ramdiskAddress,
    recordConsole: file.recordConsole,
    bmcEvents: file.bmcEvents,
    agentBootTimeout: timeouts?.agentBoot,
    missedBootTimeout: timeouts?.missedBoot,
    agentLostTimeout: timeouts?.agentLost,
    logLevel: file.logLevel,
    hosts: given(file.hosts ?? {}),
    proxyDhcp: dhcp?.mode === undefined ? undefined : dhcp.mode === 'proxy',
    dhcp: dhcp?.mode === undefined ? undefined : dhcp.mode !== 'off',
    subnets: dhcp?.subnets?.map(subnetOf),
    networkDefaults: dhcp === undefined ? undefined : optionsEverywhere(dhcp),
  };
}

type FileNetwork = NonNullable<ConfigFile['dhcp']>;

function subnetOf({ subnet, reservations, ranges, router, ntp, mtu, ...rest }: Subnet): SubnetWish {
  const reserved = reservations?.map(({ mac, address, hostname }) => ({ mac, address, ...given({ hostname }) }));
  return { subnet, ...given({ reservations: reserved, ranges, router, ntp, mtu }), ...optionsEverywhere(rest) };
}

type Subnet = NonNullable<FileNetwork['subnets']>[number];

function optionsEverywhere({ dns, domain, leaseTime }: Pick<FileNetwork, 'dns' | 'domain' | 'leaseTime'>) {
  return given({ dns, domain, leaseSeconds: leaseTime });
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without what was left out, so that defaults show through. */
function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(Object.entries(values).filter(([, v]) => v !== undefined)) as Given<T>;
}
