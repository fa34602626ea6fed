import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Chassis } from '../ipmi/chassis.ts';
import { type IpmiServer, startIpmiServer } from '../ipmi/server.ts';
import { type ModelOptions, plausibleModel } from '../ipmi/server-model.ts';
import type { IpmiUser } from '../ipmi/server-session.ts';
import type { ServerFaults } from '../ipmi/server-faults.ts';
import { type BmcFaults, RestartCounter } from './faults.ts';
import type { LabHostAccess } from './lab-manifests.ts';
import { redfishChassis } from './redfish/machine-chassis.ts';
import { bmcMac } from './redfish/machine-door.ts';
import type { Personality } from './redfish/personality.ts';
import type { Quirk } from './redfish/quirks.ts';
import { type RedfishSimulator, redfishAddressOf, startRedfishBmc } from './redfish/server.ts';
import type { StorageOptions } from './redfish/state/storage.ts';
import { type MachineTiming, SimulatedMachine } from './redfish/simulated-machine.ts';

/** How long an IPMI BMC that restarted over a change is away, where the faults do not say, ms. */
const RESTART_MS = 3000;

export type FleetProtocol = 'ipmi' | 'redfish' | 'both';

export interface FleetOptions {
  /** At least 1. */
  count: number;
  protocol: FleetProtocol;
  /** Machine i has number i modulo their number. Not empty. */
  personalities: readonly Personality[];
  /** Local address of all. */
  address: string;
  /** BMC i has this port plus i, in UDP (IPMI) and TCP (Redfish); 0: free ones. */
  firstPort: number;
  username: string;
  password: string;
  timing?: Partial<MachineTiming>;
  /** Of each BMC, by both protocols. */
  faults?: BmcFaults;
  /** State of each machine’s storage; drives by their ids, `Disk.Bay.0` to `Disk.Bay.3`. */
  storage?: StorageOptions;
  /** Of all, beside those of their personalities. */
  quirks?: readonly Quirk[];
  /** https with a self-signed certificate for all; default: for those that speak nothing else. */
  tls?: boolean;
  clock: Clock;
  random: () => number;
  log: Logger;
}

export interface FleetMember extends LabHostAccess {
  personality: string;
  machine: SimulatedMachine;
  ipmi?: IpmiServer;
  redfish?: RedfishSimulator;
  ipmiAddress?: string;
  redfishAddress?: string;
}

export interface Fleet {
  members: readonly FleetMember[];
  close(): Promise<void>;
}

/**
 * Many BMCs in one process, each in front of a machine in memory. A thousand take some 100 MB.
 * @throws SIM_LISTEN_FAILED, IPMI_SOCKET when a port is taken; nothing is left behind then
 */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const members: FleetMember[] = [];
  const close = async () => {
    await Promise.all(members.map(closeMember));
  };
  try {
    for (let i = 0; i < options.count; i++) members.push(await startMember(options, i));
  } catch (error) {
    await close();
    throw error;
  }
  return { members, close };
}

async function startMember(options: FleetOptions, index: number): Promise<FleetMember> {
  const { clock, log, random, protocol, address, username, password } = options;
  const name = `sim-${String(index).padStart(4, '0')}`;
  const personality = options.personalities[index % options.personalities.length];
  if (personality === undefined) throw new RangeError('a fleet needs a personality');
  const machine = new SimulatedMachine({
    name,
    clock,
    ...(options.timing === undefined ? {} : { timing: options.timing }),
  });
  // Its own for each BMC: what is switched on one is not on the others.
  const faults = { ...options.faults };
  const port = options.firstPort === 0 ? 0 : options.firstPort + index;
  const redfish =
    protocol === 'ipmi'
      ? undefined
      : await startRedfishBmc({
          personality,
          machine,
          username,
          password,
          clock,
          random,
          log,
          address,
          port,
          faults,
          ...(options.storage === undefined ? {} : { storage: options.storage }),
          ...(options.quirks === undefined ? {} : { quirks: options.quirks }),
          ...(options.tls === undefined ? {} : { tls: options.tls }),
        });
  const users: IpmiUser[] = [{ name: username, password, privilege: 'administrator' }];
  let down: () => void = () => {};
  try {
    const ipmi =
      protocol === 'redfish'
        ? undefined
        : await startIpmiServer({
            address,
            port,
            users,
            guid: Buffer.from(machine.facts.uuid.replaceAll('-', ''), 'hex'),
            chassis: restarting(redfishChassis(machine), faults, () => down()),
            deviceId: { deviceId: 0x20, manufacturerId: personality.manufacturerId, productId: 1 },
            model: plausibleModel({ clock, users, ...identity(machine, personality) }),
            clock,
            random,
            log,
            faults: datagramFaults(faults),
          });
    down = () => ipmi?.restart(faults.restartMs ?? RESTART_MS);
    return describe(machine, personality, { redfish, ipmi }, options);
  } catch (error) {
    await redfish?.close();
    throw error;
  }
}

/** The chassis of a BMC that goes down in the middle of changes, as the faults have it. */
function restarting(chassis: Chassis, faults: BmcFaults, down: () => void): Chassis {
  const restarts = new RestartCounter(faults);
  return {
    ...chassis,
    control: async (action) => {
      await chassis.control(action);
      if (restarts.hit()) down();
    },
    setBootFlags: async (flags) => {
      await chassis.setBootFlags(flags);
      if (restarts.hit()) down();
    },
  };
}

/** What the machine is called by IPMI: as by Redfish. */
function identity({ facts }: SimulatedMachine, { manufacturer, model }: Personality): Partial<ModelOptions> {
  const mac = Uint8Array.from(
    bmcMac(facts)
      .split(':')
      .map((octet) => Number.parseInt(octet, 16)),
  );
  return { manufacturer, product: model, serialNumber: facts.serial, lan: { mac } };
}

function datagramFaults({ loss, delayMs, duplicates, reordered, burst }: BmcFaults): ServerFaults {
  return {
    ...(loss === undefined ? {} : { loss }),
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(duplicates === undefined ? {} : { duplicates }),
    ...(reordered === undefined ? {} : { reordered }),
    ...(burst === undefined ? {} : { burst }),
  };
}

function describe(
  machine: SimulatedMachine,
  personality: Personality,
  servers: { redfish: RedfishSimulator | undefined; ipmi: IpmiServer | undefined },
  options: FleetOptions,
): FleetMember {
  const { redfish, ipmi } = servers;
  const { facts } = machine;
  const ipmiAddress = ipmi === undefined ? undefined : `ipmi://${options.address}:${ipmi.port}`;
  const redfishAddress = redfish === undefined ? undefined : redfishAddressOf(redfish);
  return {
    name: facts.name,
    personality: personality.name,
    firmware: 'uefi',
    mac: facts.nics[0]?.mac ?? '',
    bmcAddress: redfishAddress ?? ipmiAddress ?? '',
    username: options.username,
    password: options.password,
    diskSerial: facts.drives[0]?.serial ?? '',
    ...(redfishAddress?.startsWith('redfish:') === true ? { selfSigned: true } : {}),
    machine,
    ...(ipmi === undefined ? {} : { ipmi }),
    ...(redfish === undefined ? {} : { redfish }),
    ...(ipmiAddress === undefined ? {} : { ipmiAddress }),
    ...(redfishAddress === undefined ? {} : { redfishAddress }),
  };
}

async function closeMember(member: FleetMember): Promise<void> {
  await Promise.all([member.redfish?.close(), member.ipmi?.close()]);
  await member.machine.close();
}
