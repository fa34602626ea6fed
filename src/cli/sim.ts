import { Command, Option } from 'commander';
import { systemClock } from '../core/clock.ts';
import { pinoLogger } from '../core/log-pino.ts';
import { type Fleet, type FleetProtocol, startFleet } from '../sim/fleet.ts';
import { hostManifestsYaml } from '../sim/lab-manifests.ts';
import { PERSONALITIES, personalityNamed } from '../sim/redfish/personalities/all.ts';
import { extraQuirks } from '../sim/redfish/extra-quirks.ts';
import { fail } from './fail.ts';
import { listing } from './sim-list.ts';
import { type TroubleOptions, addTroubleOptions, faultsOf, storageOf } from './sim-options.ts';
import { wholeNumber } from './whole-number.ts';

interface Options extends TroubleOptions {
  count: number;
  listen: string;
  firstPort: number;
  protocol: FleetProtocol;
  personality: string[];
  username: string;
  password: string;
  tls?: boolean;
  /** True: the list of all; a name: one in detail. */
  list?: string | true;
  json?: boolean;
  verbose?: boolean;
}

/** `ingot sim`: BMCs without machines, many of them, to try a management plane on. Needs no root. */
export function simCommand(): Command {
  const names = PERSONALITIES.map((p) => p.name);
  const command = new Command('sim')
    .description('Run simulated BMCs, Redfish and IPMI, in front of machines that exist in memory. Ends with Ctrl-C.')
    .addOption(new Option('--count <n>', 'number of machines').default(1).argParser(wholeNumber(1, 20_000)))
    .addOption(new Option('--listen <address>', 'local address of all BMCs').default('127.0.0.1'))
    .addOption(
      new Option('--first-port <n>', 'BMC number i has port N + i').default(20_000).argParser(wholeNumber(0, 65_535)),
    )
    .addOption(new Option('--protocol <name>', 'what they speak').choices(['ipmi', 'redfish', 'both']).default('both'))
    .addOption(
      new Option('--personality <name...>', 'whose Redfish; several take turns').choices(names).default(['plain']),
    )
    .addOption(new Option('--username <name>', 'of the administrator').default('admin'))
    .addOption(new Option('--password <text>', 'for nothing but simulators').default('simulated-bmc'))
    .option('--tls', 'https with a self-signed certificate for all (default: for those that speak nothing else)')
    .option('--list [personality]', 'show the personalities, or what one does and from where that is known, and end')
    .option('--json', 'print one JSON line with the addresses instead of manifests')
    .option('--verbose', 'log what the BMCs do')
    .action(run);
  return addTroubleOptions(command).addHelpText(
    'after',
    `
Port N + i is UDP for IPMI and TCP for Redfish. Both see the same machine:
  ipmitool -I lanplus -C 17 -H 127.0.0.1 -p 20000 -U admin -P simulated-bmc chassis power on
  curl -u admin:simulated-bmc http://127.0.0.1:20000/redfish/v1/Systems/1
  INGOT_BMC_PASSWORD=simulated-bmc ingot bmc status redfish+http://admin@127.0.0.1:20000

Exit codes: 0 ended as asked, 1 failed (the code of the error is printed), 2 wrong usage.`,
  );
}

async function run(options: Options): Promise<void> {
  if (options.list !== undefined) {
    list(options.list, options.json === true);
    return;
  }
  const stopped = new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => done());
  });
  try {
    const fleet = await startFleet({
      count: options.count,
      protocol: options.protocol,
      personalities: options.personality.map(personalityNamed),
      address: options.listen,
      firstPort: options.firstPort,
      username: options.username,
      password: options.password,
      clock: systemClock,
      random: Math.random,
      faults: faultsOf(options),
      storage: storageOf(options),
      quirks: extraQuirks(options.quirk ?? []),
      ...(options.tls === true ? { tls: true } : {}),
      log: pinoLogger(options.verbose === true ? 'debug' : 'warn'),
    });
    print(fleet, options);
    await stopped;
    await fleet.close();
  } catch (error) {
    fail(error, options.json);
  }
}

function list(what: string | true, json: boolean): void {
  try {
    process.stdout.write(listing(what === true ? undefined : what, json));
  } catch (error) {
    fail(error, json);
  }
}

function print(fleet: Fleet, options: Options): void {
  if (options.json === true) {
    const members = fleet.members.map(({ name, personality, mac, ipmiAddress, redfishAddress }) => ({
      name,
      personality,
      mac,
      ipmiAddress,
      redfishAddress,
    }));
    console.log(JSON.stringify({ username: options.username, members }));
    return;
  }
  for (const member of fleet.members) {
    console.error(`${member.name} (${member.personality}): ${[member.ipmiAddress, member.redfishAddress].join(' ')}`);
  }
  console.log(
    fleet.members
      .map((member) => hostManifestsYaml(member))
      .join('')
      .trimEnd(),
  );
  console.error(
    `The user is ${options.username}; the password is that of --password, and in the Secrets. Ctrl-C ends all.`,
  );
}
