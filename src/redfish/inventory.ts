import type { JsonObject, Resource } from './calls.ts';
import { adapterNics } from './adapter-nics.ts';
import { defined, healthAt, linkAt, linksAt, numberAt, objectsAt, textAt } from './json.ts';
import { type ServiceDoors, membersIfAny } from './service-doors.ts';
import { Storage, type StorageDrive } from './storage.ts';

export interface Inventory {
  manufacturer?: string;
  product?: string;
  serialNumber?: string;
  systemUuid?: string;
  bios: { vendor?: string; version?: string; date?: string };
  ramMebibytes?: number;
  cpu: { arch?: string; model?: string; megahertz?: number; threads?: number };
  nics: readonly { name?: string; mac: string; speedMbps?: number; model?: string }[];
  drives: readonly StorageDrive[];
  health?: 'ok' | 'warning' | 'critical';
}

/** The machine as its BMC describes it (DSP2046, ComputerSystem schema), without a ramdisk. */
export class OutOfBandInventory {
  readonly #doors: ServiceDoors;

  constructor(doors: ServiceDoors) {
    this.#doors = doors;
  }

  async inventory(signal: AbortSignal): Promise<Inventory> {
    const system = await this.#doors.system(signal);
    const { body } = system;
    const processors = await membersIfAny(this.#doors, linkAt(body, 'Processors'), signal);
    const listed = await membersIfAny(this.#doors, linkAt(body, 'EthernetInterfaces'), signal);
    const nics = listed.flatMap((nic) => readNic(nic.body));
    return {
      ...(await this.#missing(body, signal)),
      ...identity(body),
      bios: defined({ version: textAt(body, 'BiosVersion') }),
      ...memory(body),
      cpu: cpu(body, processors),
      nics: nics.length > 0 ? nics : (await adapterNics(this.#doors, system, signal)).flatMap(readNic),
      drives: await this.#drives(body, signal),
      ...healthOf(body),
    };
  }

  async health(signal: AbortSignal): Promise<'ok' | 'warning' | 'critical' | undefined> {
    return healthOf((await this.#doors.system(signal)).body).health;
  }

  /** Some Supermicro boards leave the Model of the system blank; the box or the board may have one. */
  async #missing(body: JsonObject, signal: AbortSignal): Promise<Partial<Inventory>> {
    if (textAt(body, 'Model') !== undefined) return {};
    const [link] = linksAt(body, 'Links', 'Chassis');
    const chassis = link === undefined ? undefined : await this.#doors.calls.find(link, signal);
    const board = textAt(body, 'Oem', 'Supermicro', 'BoardID') ?? textAt(chassis?.body, 'Oem', 'Supermicro', 'BoardID');
    return defined({ product: textAt(chassis?.body, 'Model') ?? board });
  }

  async #drives(body: JsonObject, signal: AbortSignal): Promise<readonly StorageDrive[]> {
    const controllers = await new Storage(this.#doors).controllers(signal);
    const drives = controllers.flatMap((c) => c.drives);
    if (drives.length > 0) return drives;
    const simple = await membersIfAny(this.#doors, linkAt(body, 'SimpleStorage'), signal);
    return simple.flatMap((storage) => objectsAt(storage.body, 'Devices').flatMap((d, i) => readDevice(storage, d, i)));
  }
}

function healthOf(body: JsonObject): Pick<Inventory, 'health'> {
  return defined({ health: healthAt(body, 'HealthRollup') ?? healthAt(body) });
}

function identity(body: JsonObject): Partial<Inventory> {
  const manufacturer = textAt(body, 'Manufacturer');
  // Dell's service tag, which its owners know the machine by, is the SKU.
  const dellTag = /^dell/i.test(manufacturer ?? '') ? textAt(body, 'SKU') : undefined;
  return defined({
    manufacturer,
    product: textAt(body, 'Model'),
    serialNumber: dellTag ?? textAt(body, 'SerialNumber'),
    systemUuid: textAt(body, 'UUID')?.toLowerCase(),
  });
}

function memory(body: JsonObject): Pick<Inventory, 'ramMebibytes'> {
  const gib = numberAt(body, 'MemorySummary', 'TotalSystemMemoryGiB');
  return gib === undefined ? {} : { ramMebibytes: Math.round(gib * 1024) };
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  'x86-64': 'x86_64',
  x86: 'i386',
  'ARM-A64': 'aarch64',
  'ARM-A32': 'arm',
  ARM: 'aarch64',
};

function cpu(body: JsonObject, processors: readonly Resource[]): Inventory['cpu'] {
  const cpus = processors.map((p) => p.body).filter((p) => (textAt(p, 'ProcessorType') ?? 'CPU') === 'CPU');
  const [first] = cpus;
  const threads = cpus.reduce((sum, p) => sum + (numberAt(p, 'TotalThreads') ?? 0), 0);
  const set = textAt(first, 'InstructionSet') ?? textAt(first, 'ProcessorArchitecture') ?? '';
  return defined({
    arch: Object.hasOwn(ARCHITECTURES, set) ? ARCHITECTURES[set] : undefined,
    model: textAt(first, 'Model') ?? textAt(body, 'ProcessorSummary', 'Model'),
    megahertz: numberAt(first, 'MaxSpeedMHz'),
    threads:
      numberAt(body, 'ProcessorSummary', 'LogicalProcessorCount') ??
      (threads > 0 ? threads : numberAt(body, 'ProcessorSummary', 'Count')),
  });
}

const MAC = /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i;

/** Interfaces without a usable MAC (all zero, missing, nonsense) identify nothing. */
function readNic(body: JsonObject): Inventory['nics'][number][] {
  const address = [textAt(body, 'PermanentMACAddress'), textAt(body, 'MACAddress')].find(
    (mac) => mac !== undefined && MAC.test(mac) && !/^(00[:-]){5}00$/.test(mac),
  );
  if (address === undefined) return [];
  const mac = address.toLowerCase().replaceAll('-', ':');
  const name = textAt(body, 'Id') ?? textAt(body, 'Name');
  return [{ mac, ...defined({ name, speedMbps: numberAt(body, 'SpeedMbps'), model: textAt(body, 'Description') }) }];
}

function readDevice(storage: Resource, device: JsonObject, index: number): StorageDrive[] {
  const bytes = numberAt(device, 'CapacityBytes');
  if (bytes === undefined || bytes === 0) return [];
  const optional = {
    bytes,
    model: textAt(device, 'Model'),
    manufacturer: textAt(device, 'Manufacturer'),
    health: healthAt(device),
  };
  return [{ id: `${storage.path}#${index}`, name: textAt(device, 'Name') ?? `device ${index}`, ...defined(optional) }];
}
