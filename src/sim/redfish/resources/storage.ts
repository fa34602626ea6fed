import { objectOf, optionalText, shown, text } from '../check.ts';
import { passConfigWrite, vendorId } from '../gates.ts';
import { Refusal } from '../messages.ts';
import type { Paths } from '../paths.ts';
import {
  type Body,
  type Call,
  NO_CONTENT,
  OK_HEALTH,
  type Reply,
  type Route,
  collection,
  link,
  resource,
} from '../router.ts';
import type { RedfishService } from '../service.ts';
import { MODE_LEVELS, RAID, type RaidType, type Volume } from '../state/storage.ts';
import type { TaskHandle } from '../state/tasks.ts';
import { raidJobRuns, raidJobType } from './dell-job-view.ts';
import { controllerMember, dellDrive, isDellRaid, passRaidDrives } from './dell-raid.ts';
import { driveView } from './hardware.ts';
import { acceptedJob } from './tasks.ts';

const CREATE_MS = 300;

/** One RAID controller with its drives and volumes. */
export function storageRoutes(paths: Paths): Route[] {
  const home = `${paths.system}/Storage`;
  const controller = paths.storage;
  const volumes = `${controller}/Volumes`;
  return [
    { path: home, get: () => collection(home, 'Storage.Storage', 'Storage', [controller]) },
    { path: controller, get: ({ service }) => controllerView(service, controller) },
    {
      path: `${controller}/Drives/:drive`,
      get: ({ service, params }) => {
        const drive = service.machine.facts.drives.find((d) => d.id === params['drive']);
        if (drive === undefined) return undefined;
        return { ...driveView(service, `${controller}/Drives/${drive.id}`, drive), ...dellDrive(service, drive.id) };
      },
    },
    {
      path: volumes,
      get: ({ service }) =>
        collection(
          volumes,
          'Volume.Volume',
          'Volumes',
          service.storage.list().map((v) => `${volumes}/${v.id}`),
          applyTimes(service),
        ),
      post: (call) => createVolume(call, controller),
    },
    {
      path: `${volumes}/:volume`,
      get: ({ service, params }) => {
        const volume = service.storage.get(params['volume'] ?? '');
        return volume === undefined ? undefined : volumeView(controller, volume);
      },
      delete: (call) => deleteVolume(call),
    },
  ];
}

/** Said by those alone whose controllers have a choice. */
function applyTimes(service: RedfishService): Body {
  if (!isDellRaid(service)) return {};
  return {
    '@Redfish.OperationApplyTimeSupport': {
      '@odata.type': '#Settings.v1_3_5.OperationApplyTimeSupport',
      SupportedValues: service.storage.realTime ? ['Immediate', 'OnReset'] : ['OnReset'],
    },
  };
}

function controllerView(service: RedfishService, path: string): Body {
  const raid = service.quirks.has('no-raid') ? [] : MODE_LEVELS[service.storage.mode];
  return resource(path, 'Storage.v1_15_0.Storage', service.paths.storageId, 'RAID controller', {
    StorageControllers: [
      {
        '@odata.id': `${path}#/StorageControllers/0`,
        MemberId: '0',
        Name: 'RAID controller',
        Manufacturer: 'Broadcom',
        Model: 'SAS3916',
        SupportedRAIDTypes: raid,
        SupportedControllerProtocols: ['PCIe'],
        SupportedDeviceProtocols: ['SAS', 'SATA', 'NVMe'],
        Status: OK_HEALTH,
      },
    ],
    'Drives@odata.count': service.machine.facts.drives.length,
    Drives: service.machine.facts.drives.map((d) => link(`${path}/Drives/${d.id}`)),
    ...(service.quirks.has('no-raid') ? {} : { Volumes: link(`${path}/Volumes`) }),
    ...controllerMember(service, path),
    Status: OK_HEALTH,
  });
}

function volumeView(controller: string, volume: Volume): Body {
  return resource(`${controller}/Volumes/${volume.id}`, 'Volume.v1_9_0.Volume', volume.id, volume.name, {
    RAIDType: volume.raid,
    CapacityBytes: volume.bytes,
    Status: OK_HEALTH,
    Links: { Drives: volume.drives.map((d) => link(`${controller}/Drives/${d}`)) },
  });
}

function createVolume(call: Call, controller: string): Reply {
  const { service, body } = call;
  const { storage, machine } = service;
  if (service.quirks.has('no-raid')) throw new Refusal(405, 'OperationNotAllowed');
  const raid = text(body, 'RAIDType');
  if (!Object.hasOwn(RAID, raid)) throw new Refusal(400, 'PropertyValueNotInList', [raid, 'RAIDType']);
  const level = raid as RaidType;
  const drives = wantedDrives(body, controller);
  for (const id of drives) {
    if (!machine.facts.drives.some((d) => d.id === id)) throw new Refusal(400, 'ResourceMissingAtURI', [id]);
    if (storage.volumeOf(id) !== undefined) throw new Refusal(409, 'ResourceInUse');
  }
  passRaidDrives(service, level, drives);
  if (drives.length < RAID[level].min) throw new Refusal(400, 'PropertyValueConflict', ['Links/Drives', 'RAIDType']);
  const most = storage.capacity(level, drives);
  const bytes = body['CapacityBytes'] ?? most;
  if (typeof bytes !== 'number' || bytes <= 0 || bytes > most) {
    throw new Refusal(400, 'PropertyValueNotInList', [shown(bytes), 'CapacityBytes']);
  }
  passRaidJob(service);
  passConfigWrite(service);
  const name = optionalText(body, 'Name') ?? optionalText(body, 'DisplayName') ?? `Volume of ${drives.length} drives`;
  const make = (job: TaskHandle) => {
    const volume = storage.create({ name, raid: level, bytes, drives });
    job.done('The volume was created.', [`${controller}/Volumes/${volume.id}`]);
  };
  return schedule(service, 'Create volume', body, make);
}

/** A job that runs soon, or at the next start of the machine where that was asked for or there is no other way. */
function schedule(service: RedfishService, name: string, body: Body, work: (job: TaskHandle) => void): Reply {
  const applyTime = optionalText(body, '@Redfish.OperationApplyTime');
  const waits = applyTime === 'OnReset' || !service.storage.realTime;
  const job = service.tasks.start(name);
  job.record.jobType = raidJobType(!waits);
  const run = () => {
    if (job.record.endedAt === undefined) work(job);
  };
  if (waits) {
    job.pend('The job runs when the machine is restarted.');
    service.atNextBoot(run);
  } else service.later(CREATE_MS, run);
  return acceptedJob(service, job);
}

/** Refuses to configure the controller while a job does. */
function passRaidJob(service: RedfishService): void {
  const quirk = service.quirks.find('raid-one-job');
  if (quirk !== undefined && raidJobRuns(service)) throw new Refusal(400, vendorId(quirk.messageId));
}

function wantedDrives(body: Body, controller: string): string[] {
  const links = objectOf(body['Links'])['Drives'] ?? body['Drives'];
  if (!Array.isArray(links) || links.length === 0) throw new Refusal(400, 'PropertyMissing', ['Links/Drives']);
  const ids = links.map((l) => shown(objectOf(l)['@odata.id']));
  const prefix = `${controller}/Drives/`;
  for (const id of ids) if (!id.startsWith(prefix)) throw new Refusal(400, 'ResourceMissingAtURI', [id.slice(0, 200)]);
  return [...new Set(ids.map((id) => id.slice(prefix.length)))];
}

function deleteVolume({ service, params, body }: Call): Reply {
  const id = params['volume'] ?? '';
  if (service.storage.get(id) === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [id]);
  passRaidJob(service);
  passConfigWrite(service);
  if (!isDellRaid(service)) {
    service.storage.remove(id);
    return NO_CONTENT;
  }
  return schedule(service, 'Delete volume', body, (job) => {
    service.storage.remove(id);
    job.done('The volume was deleted.');
  });
}
