import { checkPatch, oneOf, optionalText } from '../check.ts';
import { type Paths, ROOT } from '../paths.ts';
import type { Personality } from '../personality.ts';
import { type Body, NO_CONTENT, OK_HEALTH, type Reply, type Route, collection, link, resource } from '../router.ts';
import type { RedfishService } from '../service.ts';
import { bootView, patchBoot } from './boot.ts';
import { dellRaidLink } from './dell-raid.ts';
import { resetSystem } from './power.ts';

/** The computer system, its settings object and its boot options. */
export function systemRoutes(paths: Paths, personality: Personality): Route[] {
  const { system } = paths;
  const id = personality.ids.system;
  const options = `${system}/BootOptions`;
  const names: Readonly<Record<string, string>> = { Boot0001: 'PXE', Boot0002: 'Hard drive' };
  const staged = personality.quirks.some((q) => q.kind === 'boot-settings-object');
  return [
    {
      path: `${ROOT}/Systems`,
      get: () =>
        collection(`${ROOT}/Systems`, 'ComputerSystem.ComputerSystem', 'Computer systems', [
          system,
          ...otherSystems(personality),
        ]),
    },
    {
      path: system,
      get: ({ service }) => systemView(service, id),
      patch: async (call) => patchSystem(call.service, call.body, systemView(call.service, id)),
    },
    { path: `${system}/Actions/ComputerSystem.Reset`, post: resetSystem },
    {
      path: options,
      get: () =>
        collection(
          options,
          'BootOption.BootOption',
          'Boot options',
          Object.keys(names).map((n) => `${options}/${n}`),
        ),
    },
    {
      path: `${options}/:option`,
      get: ({ params }) => {
        const name = names[params['option'] ?? ''];
        if (name === undefined) return undefined;
        return resource(
          `${options}/${params['option']}`,
          'BootOption.v1_0_4.BootOption',
          String(params['option']),
          name,
          {
            BootOptionReference: params['option'],
            DisplayName: name,
            BootOptionEnabled: true,
          },
        );
      },
    },
    ...(staged ? [settingsRoute(paths.systemSettings)] : []),
    ...actionInfoRoutes(system, personality),
    ...otherSystems(personality).map((other) => otherSystem(other)),
  ];
}

function actionInfoRoutes(system: string, personality: Personality): Route[] {
  if (!personality.quirks.some((q) => q.kind === 'reset-action-info')) return [];
  const path = `${system}/ResetActionInfo`;
  return [
    {
      path,
      get: () =>
        resource(path, 'ActionInfo.v1_3_0.ActionInfo', 'ResetActionInfo', 'Reset', {
          Parameters: [
            { Name: 'ResetType', Required: true, DataType: 'String', AllowableValues: personality.resetTypes },
          ],
        }),
    },
  ];
}

/** Paths of systems that are listed and are no machines that could be managed. */
function otherSystems({ quirks }: Personality): string[] {
  return quirks.flatMap((q) => (q.kind === 'other-systems' ? q.ids.map((id) => `${ROOT}/Systems/${id}`) : []));
}

function otherSystem(path: string): Route {
  const id = path.split('/').at(-1) ?? '';
  return {
    path,
    get: ({ service }) =>
      resource(path, 'ComputerSystem.v1_20_0.ComputerSystem', id, id, {
        SystemType: 'Physical',
        Manufacturer: service.personality.manufacturer,
        PowerState: 'On',
        Status: OK_HEALTH,
        Links: { ManagedBy: [link(service.paths.manager)] },
      }),
  };
}

function settingsRoute(path: string): Route {
  const view = (service: RedfishService) =>
    resource(path, 'ComputerSystem.v1_20_0.ComputerSystem', 'Settings', 'Pending settings', {
      Boot: bootView(service, service.pendingBoot ?? currentOrder(service), false),
    });
  return {
    path,
    get: ({ service }) => view(service),
    patch: async ({ service, body }) => {
      checkPatch(body, view(service), { Boot: 'object' });
      await patchBoot(service, body);
      return NO_CONTENT;
    },
  };
}

function currentOrder(service: RedfishService) {
  return { ...service.machine.bootOrder(), mode: service.machine.bootMode() };
}

async function patchSystem(service: RedfishService, body: Body, view: Body): Promise<Reply> {
  const boot = service.quirks.has('boot-settings-object') ? {} : { Boot: 'object' as const };
  checkPatch(body, view, { ...boot, IndicatorLED: 'string', AssetTag: 'string' });
  const led = optionalText(body, 'IndicatorLED');
  if (led !== undefined) {
    service.indicator = oneOf(led, ['Off', 'Lit', 'Blinking'], 'IndicatorLED') as typeof service.indicator;
  }
  const tag = optionalText(body, 'AssetTag');
  if (tag !== undefined) service.assetTag = tag.slice(0, 63);
  if (body['Boot'] === undefined) return NO_CONTENT;
  const job = await patchBoot(service, body);
  if (job !== undefined) return { status: 202, body: { '@odata.id': job }, headers: { Location: job } };
  return NO_CONTENT;
}

function systemView(service: RedfishService, id: string): Body {
  const { machine, paths, personality, quirks } = service;
  const { facts } = machine;
  const { system } = paths;
  const mib = facts.memory.reduce((sum, m) => sum + m.mib, 0);
  const rows = quirks.has('boot-settings-object')
    ? {
        '@Redfish.Settings': {
          '@odata.type': '#Settings.v1_3_5.Settings',
          SettingsObject: link(paths.systemSettings),
          SupportedApplyTimes: ['OnReset'],
        },
      }
    : {};
  const inSku = quirks.has('serial-in-sku');
  return resource(system, 'ComputerSystem.v1_20_0.ComputerSystem', id, 'System', {
    SystemType: 'Physical',
    HostName: facts.name,
    Manufacturer: personality.manufacturer,
    Model: quirks.has('blank-model') ? '' : personality.model,
    SerialNumber: inSku ? `CN${facts.serial}0A` : facts.serial,
    SKU: inSku ? facts.serial : 'SIM-1',
    PartNumber: 'SIM-1-A',
    UUID: facts.uuid,
    AssetTag: service.assetTag,
    IndicatorLED: service.indicator,
    PowerState: machine.power(),
    BiosVersion: service.firmware.find((c) => c.id === 'BIOS')?.version,
    Status: { ...OK_HEALTH, HealthRollup: 'OK' },
    Boot: {
      ...bootView(service, currentOrder(service), true),
      BootOptions: link(`${system}/BootOptions`),
    },
    ...rows,
    MemorySummary: { TotalSystemMemoryGiB: mib / 1024, Status: { Health: 'OK' } },
    ProcessorSummary: {
      Count: facts.cpus.length,
      Model: facts.cpus[0]?.model ?? null,
      LogicalProcessorCount: facts.cpus.reduce((sum, c) => sum + c.threads, 0),
      Status: { Health: 'OK' },
    },
    BootProgress: { LastState: progress(service) },
    Bios: link(paths.bios),
    SecureBoot: link(`${system}/SecureBoot`),
    Processors: link(`${system}/Processors`),
    Memory: link(`${system}/Memory`),
    ...(quirks.has('no-ethernet-interfaces') ? {} : { EthernetInterfaces: link(`${system}/EthernetInterfaces`) }),
    Storage: link(`${system}/Storage`),
    SimpleStorage: link(`${system}/SimpleStorage`),
    LogServices: link(`${system}/LogServices`),
    ...(personality.media.home === 'system' ? { VirtualMedia: link(paths.media) } : {}),
    Links: { Chassis: [link(paths.chassis)], ManagedBy: [link(paths.manager)], ...dellRaidLink(service) },
    Actions: {
      '#ComputerSystem.Reset': {
        target: `${system}/Actions/ComputerSystem.Reset`,
        ...(quirks.has('reset-action-info')
          ? { '@Redfish.ActionInfo': `${system}/ResetActionInfo` }
          : { 'ResetType@Redfish.AllowableValues': personality.resetTypes }),
      },
    },
  });
}

function progress(service: RedfishService): string {
  if (service.machine.power() === 'Off') return 'None';
  return service.machine.posting() ? 'SystemHardwareInitializationComplete' : 'OSRunning';
}
