import type { DriveFacts } from '../machine-door.ts';
import { Refusal } from '../messages.ts';
import type { Paths } from '../paths.ts';
import type { Personality } from '../personality.ts';
import { type Body, OK_HEALTH, type Route, collection, link, resource } from '../router.ts';
import type { RedfishService } from '../service.ts';

/** Processors, memory, network interfaces: what can only be read. */
export function hardwareRoutes(paths: Paths, personality: Personality): Route[] {
  const { system, chassis } = paths;
  const noEthernet = personality.quirks.some((q) => q.kind === 'no-ethernet-interfaces');
  return [
    ...members(`${system}/Processors`, 'Processor.Processor', 'Processors', processors),
    ...members(`${system}/Memory`, 'Memory.Memory', 'Memory modules', memory),
    ...(noEthernet
      ? []
      : members(`${system}/EthernetInterfaces`, 'EthernetInterface.EthernetInterface', 'Interfaces', interfaces)),
    ...members(`${chassis}/NetworkAdapters`, 'NetworkAdapter.NetworkAdapter', 'Network adapters', adapters).map(
      (route) => needsOs(route),
    ),
    ...members(`${system}/SimpleStorage`, 'SimpleStorage.SimpleStorage', 'Simple storage', simpleStorage),
  ];
}

/** A read-only collection and its members, by their ids. */
export function members(
  path: string,
  type: string,
  name: string,
  list: (service: RedfishService, path: string) => Body[],
): Route[] {
  return [
    {
      path,
      get: ({ service }) =>
        collection(
          path,
          type,
          name,
          list(service, path).map((member) => String(member['@odata.id'])),
        ),
    },
    {
      path: `${path}/:member`,
      get: ({ service, params }) => list(service, path).find((member) => member['Id'] === params['member']),
    },
  ];
}

/** HPE knows its network adapters only after an operating system has run. */
function needsOs(route: Route): Route {
  const { get } = route;
  if (get === undefined) return route;
  return {
    ...route,
    get: (call) => {
      if (call.service.quirks.has('network-adapters-need-os') && !call.service.machine.osSeen()) {
        throw new Refusal(400, 'iLO.2.15.ResourceNotReadyRetry');
      }
      return get(call);
    },
  };
}

function processors({ machine }: RedfishService, path: string): Body[] {
  return machine.facts.cpus.map((cpu, i) =>
    resource(`${path}/CPU${i + 1}`, 'Processor.v1_18_0.Processor', `CPU${i + 1}`, 'Processor', {
      Socket: `CPU ${i + 1}`,
      ProcessorType: 'CPU',
      ProcessorArchitecture: 'x86',
      InstructionSet: 'x86-64',
      Manufacturer: 'Intel(R) Corporation',
      Model: cpu.model,
      MaxSpeedMHz: cpu.mhz,
      TotalCores: cpu.cores,
      TotalThreads: cpu.threads,
      Status: OK_HEALTH,
    }),
  );
}

function memory({ machine }: RedfishService, path: string): Body[] {
  return machine.facts.memory.map((module, i) =>
    resource(`${path}/DIMM${i + 1}`, 'Memory.v1_17_0.Memory', `DIMM${i + 1}`, `DIMM ${i + 1}`, {
      MemoryType: 'DRAM',
      MemoryDeviceType: 'DDR4',
      CapacityMiB: module.mib,
      OperatingSpeedMhz: module.speedMhz,
      DeviceLocator: `DIMM ${i + 1}`,
      Status: OK_HEALTH,
    }),
  );
}

function interfaces({ machine }: RedfishService, path: string): Body[] {
  return machine.facts.nics.map((nic, i) =>
    resource(`${path}/NIC${i + 1}`, 'EthernetInterface.v1_10_0.EthernetInterface', `NIC${i + 1}`, nic.model, {
      MACAddress: nic.mac.toUpperCase(),
      PermanentMACAddress: nic.mac.toUpperCase(),
      SpeedMbps: nic.speedMbps,
      LinkStatus: 'LinkUp',
      InterfaceEnabled: true,
      Status: OK_HEALTH,
    }),
  );
}

function adapters({ machine }: RedfishService, path: string): Body[] {
  return machine.facts.nics.map((nic, i) =>
    resource(`${path}/NIC${i + 1}`, 'NetworkAdapter.v1_10_0.NetworkAdapter', `NIC${i + 1}`, nic.model, {
      Model: nic.model,
      Controllers: [{ ControllerCapabilities: { NetworkPortCount: 1 } }],
      Status: OK_HEALTH,
    }),
  );
}

function simpleStorage({ machine }: RedfishService, path: string): Body[] {
  return [
    resource(`${path}/1`, 'SimpleStorage.v1_3_1.SimpleStorage', '1', 'Storage controller', {
      Devices: machine.facts.drives.map((drive) => ({
        Name: drive.id,
        Manufacturer: drive.manufacturer,
        Model: drive.model,
        CapacityBytes: drive.bytes,
        Status: OK_HEALTH,
      })),
      Status: OK_HEALTH,
    }),
  ];
}

/** One drive as it reads below its controller. */
export function driveView(service: RedfishService, path: string, drive: DriveFacts): Body {
  const volume = service.storage.volumeOf(drive.id);
  const volumes = `${path.slice(0, path.indexOf('/Drives'))}/Volumes`;
  return resource(path, 'Drive.v1_17_0.Drive', drive.id, `Drive ${drive.id}`, {
    MediaType: drive.media,
    Protocol: drive.protocol,
    CapacityBytes: drive.bytes,
    Manufacturer: drive.manufacturer,
    Model: drive.model,
    SerialNumber: drive.serial,
    FailurePredicted: false,
    Status: OK_HEALTH,
    Links: { Volumes: volume === undefined ? [] : [link(`${volumes}/${volume.id}`)] },
  });
}
