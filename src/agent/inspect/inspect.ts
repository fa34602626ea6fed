import type { InspectResult, RegisterRequest } from '../../agent-protocol/messages.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import { type InspectedDisk, diskFacts, readDisks, storageDetails } from './disks.ts';
import { type Addresses, nicDetails, readNics, usableAddresses } from './nics.ts';
import {
  optional,
  readCpu,
  readFirmware,
  readFirmwareMode,
  readIdentity,
  readMemoryMebibytes,
  readSystemVendor,
} from './system.ts';
import { type Tree, readText } from './tree.ts';

/** What inspection asks the running system. */
export interface MachineDoors {
  tree: Tree;
  addresses: () => Addresses;
  hostname: () => string;
  /** `uname -m` */
  arch: string;
  clock: Clock;
}

/** Controllers find their disks in the background; this long is waited for a first one, ms. */
const DISK_WAIT_MS = 10_000;
const DISK_POLL_MS = 250;

/** Full inspection (metal3-compat §6). @param bootMac the card the ramdisk was booted from */
export async function inspectMachine(
  doors: MachineDoors,
  bootMac: string | undefined,
  signal: AbortSignal,
): Promise<InspectResult> {
  const { tree } = doors;
  const disks = await settledDisks(doors, signal);
  const nics = nicDetails(await readNics(tree), doors.addresses(), bootMac);
  return {
    kind: 'inspect',
    hardware: {
      systemVendor: await readSystemVendor(tree),
      firmware: await readFirmware(tree),
      ...optional('ramMebibytes', await readMemoryMebibytes(tree)),
      ...(nics.length === 0 ? {} : { nics }),
      ...(disks.length === 0 ? {} : { storage: disks.map(storageDetails) }),
      cpu: await readCpu(tree, doors.arch),
      hostname: doors.hostname(),
    },
    disks: disks.map(diskFacts),
  };
}

/** The disks, once there is at least one and two looks in a row show the same; a machine without disks has none in the end. */
export async function settledDisks(doors: MachineDoors, signal: AbortSignal): Promise<InspectedDisk[]> {
  const { tree, clock } = doors;
  const since = clock.monotonic();
  let before: string | undefined;
  for (;;) {
    const disks = await readDisks(tree);
    const now = disks.map((d) => `${d.name} ${d.sizeBytes}`).join();
    if (disks.length > 0 && now === before) return disks;
    if (clock.monotonic() - since >= DISK_WAIT_MS) return disks;
    before = now;
    await sleep(clock, DISK_POLL_MS, signal);
  }
}

/** The register message. @param token the one-time token of this boot */
export async function registerRequest(
  doors: MachineDoors,
  boot: { token: string; bootMac: string | undefined; agentVersion: string },
): Promise<RegisterRequest> {
  const { tree } = doors;
  const nics = await readNics(tree);
  const addresses = doors.addresses();
  const uptime = Number.parseFloat((await readText(tree, '/proc/uptime')) ?? '0');
  return {
    token: boot.token,
    // Without BOOTIF the card that got an address is the one that reaches the server.
    bootMac: boot.bootMac ?? nics.find((n) => usableAddresses(addresses, n.kernelName).length > 0)?.mac ?? '',
    agentVersion: boot.agentVersion,
    smbios: await readIdentity(tree),
    nics: nics.map((n) => ({ name: n.name, mac: n.mac, ips: usableAddresses(addresses, n.kernelName) })),
    firmware: await readFirmwareMode(tree),
    clockMs: doors.clock.now(),
    uptimeSeconds: uptime,
    ...optional('bootId', await readText(tree, '/proc/sys/kernel/random/boot_id')),
  };
}
