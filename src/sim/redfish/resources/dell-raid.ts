import { checkType, objectOf, oneOf, optionalTexts, text } from '../check.ts';
import { passConfigWrite } from '../gates.ts';
import { Refusal } from '../messages.ts';
import type { Paths } from '../paths.ts';
import type { Personality } from '../personality.ts';
import { type Body, type Call, OK_HEALTH, type Reply, type Route, collection, link, resource } from '../router.ts';
import type { RedfishService } from '../service.ts';
import { type ControllerMode, MODE_LEVELS, type RaidType } from '../state/storage.ts';
import { dellJobOf } from './dell-jobs.ts';

const CONVERT_MS = 200;
const MODES: readonly ControllerMode[] = ['RAID', 'EnhancedHBA', 'HBA'];
/** Neither a drive that is there nor one that can be used in this way; nothing foreign is there; not in this mode. */
const WRONG_DRIVE = 'IDRAC.2.8.STOR009';
const NOTHING_FOREIGN = 'IDRAC.2.8.STOR018';
const NOT_SUPPORTED = 'IDRAC.2.8.STOR060';

/**
 * What Dell has beside the Storage of the specification: the mode of the controller (as a setting for the next start),
 * drives that are passed through until they are converted, foreign configurations until they are cleared. Forms and
 * message ids: sushy `oem/dell`, Ironic `drac/raid.py`, github.com/dell/iDRAC-Redfish-Scripting.
 */
export function dellRaidRoutes(paths: Paths, personality: Personality): Route[] {
  if (!personality.quirks.some((q) => q.kind === 'dell-raid')) return [];
  const home = serviceOf(paths);
  const controllers = `${paths.storage}/Controllers`;
  const controller = `${controllers}/${paths.storageId}`;
  const action = (name: string) => `${home}/Actions/DellRaidService.${name}`;
  return [
    {
      path: home,
      get: () =>
        resource(home, 'DellRaidService.v1_3_0.DellRaidService', 'DellRaidService', 'DellRaidService', {
          Actions: Object.fromEntries(
            ['ConvertToRAID', 'ConvertToNonRAID', 'ClearForeignConfig'].map((name) => [
              `#DellRaidService.${name}`,
              { target: action(name) },
            ]),
          ),
        }),
    },
    { path: action('ConvertToRAID'), post: (call) => convert(call, true) },
    { path: action('ConvertToNonRAID'), post: (call) => convert(call, false) },
    { path: action('ClearForeignConfig'), post: clearForeign },
    {
      path: controllers,
      get: () => collection(controllers, 'StorageController.StorageController', 'Storage controllers', [controller]),
    },
    { path: controller, get: ({ service }) => controllerResource(service, controller) },
    {
      path: `${controller}/Settings`,
      get: ({ service }) => controllerResource(service, `${controller}/Settings`),
      patch: changeMode,
    },
  ];
}

function serviceOf(paths: Paths): string {
  return `${paths.system}/Oem/Dell/DellRaidService`;
}

export function isDellRaid(service: RedfishService): boolean {
  return service.quirks.has('dell-raid');
}

/** For the links of the system. */
export function dellRaidLink(service: RedfishService): Body {
  return isDellRaid(service) ? { Oem: { Dell: { DellRaidService: link(serviceOf(service.paths)) } } } : {};
}

/** For the view of the storage. */
export function controllerMember(service: RedfishService, storage: string): Body {
  return isDellRaid(service) ? { Controllers: link(`${storage}/Controllers`) } : {};
}

/** For the view of a drive. */
export function dellDrive(service: RedfishService, id: string): Body {
  if (!isDellRaid(service)) return {};
  const { storage } = service;
  const raidStatus = storage.foreign.has(id)
    ? 'Foreign'
    : passedThrough(service, id)
      ? 'NonRAID'
      : storage.volumeOf(id) === undefined
        ? 'Ready'
        : 'Online';
  return {
    Oem: {
      Dell: {
        '@odata.type': '#DellOem.v1_1_0.DellOemResources',
        DellPhysicalDisk: { '@odata.type': '#DellPhysicalDisk.v1_1_0.DellPhysicalDisk', RaidStatus: raidStatus },
      },
    },
  };
}

function passedThrough({ storage }: RedfishService, id: string): boolean {
  return storage.mode === 'HBA' || storage.nonRaid.has(id);
}

/** Refuses a volume that the mode of the controller or the state of a drive forbids. */
export function passRaidDrives(service: RedfishService, level: RaidType, drives: readonly string[]): void {
  const { storage } = service;
  if (!MODE_LEVELS[storage.mode].includes(level)) throw new Refusal(400, NOT_SUPPORTED, [service.paths.storageId]);
  const bad = drives.find((id) => storage.foreign.has(id) || passedThrough(service, id));
  if (bad !== undefined) throw new Refusal(400, WRONG_DRIVE, [bad]);
}

function controllerResource(service: RedfishService, path: string): Body {
  const { storage, paths } = service;
  const settings = path.endsWith('/Settings');
  return resource(path, 'StorageController.v1_2_0.StorageController', paths.storageId, 'PERC H755 Front', {
    Manufacturer: 'DELL',
    Model: 'PERC H755 Front',
    SupportedRAIDTypes: MODE_LEVELS[storage.mode],
    Status: OK_HEALTH,
    Oem: {
      Dell: {
        '@odata.type': '#DellOemStorageController.v1_0_0.DellOemStorageController',
        DellStorageController: { ControllerMode: storage.mode },
      },
    },
    ...(settings
      ? {}
      : {
          '@Redfish.Settings': {
            '@odata.type': '#Settings.v1_3_3.Settings',
            SettingsObject: link(`${path}/Settings`),
            SupportedApplyTimes: ['Immediate', 'OnReset'],
          },
        }),
  });
}

/** The mode changes at the next start, and only where no volume would be lost. */
function changeMode({ service, body }: Call): Reply {
  const dell = objectOf(objectOf(objectOf(body['Oem'])['Dell'])['DellStorageController']);
  const mode = oneOf(text(dell, 'ControllerMode'), MODES, 'ControllerMode') as ControllerMode;
  if (mode === 'HBA' && service.storage.list().length > 0) throw new Refusal(400, NOT_SUPPORTED);
  passConfigWrite(service);
  return dellJobOf(service, 'Configure controller', undefined, () => {
    service.storage.mode = mode;
  });
}

function convert({ service, body }: Call, toRaid: boolean): Reply {
  checkType('PDArray', body['PDArray'], 'strings');
  const { storage } = service;
  const drives = optionalTexts(body, 'PDArray');
  const known = drives.every((id) => service.machine.facts.drives.some((d) => d.id === id));
  const wrong = drives.some((id) => storage.volumeOf(id) !== undefined || storage.nonRaid.has(id) !== toRaid);
  if (!known || wrong || drives.length === 0 || storage.mode === 'HBA') throw new Refusal(400, WRONG_DRIVE);
  passConfigWrite(service);
  return dellJobOf(service, 'Convert drives', CONVERT_MS, () => {
    for (const id of drives) {
      if (toRaid) storage.nonRaid.delete(id);
      else storage.nonRaid.add(id);
    }
  });
}

function clearForeign({ service, body }: Call): Reply {
  const target = text(body, 'TargetFQDD');
  if (target !== service.paths.storageId) throw new Refusal(400, WRONG_DRIVE, [target.slice(0, 200)]);
  if (service.storage.foreign.size === 0) throw new Refusal(400, NOTHING_FOREIGN);
  passConfigWrite(service);
  return dellJobOf(service, 'Clear foreign configuration', service.storage.realTime ? CONVERT_MS : undefined, () =>
    service.storage.foreign.clear(),
  );
}
