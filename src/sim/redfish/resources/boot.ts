import { checkType, objectOf, oneOf, optionalText, webUrl } from '../check.ts';
import { passConfigWrite, vendorId } from '../gates.ts';
import type { BootDevice, BootMode, BootOrder } from '../machine-door.ts';
import { Refusal } from '../messages.ts';
import type { Body } from '../router.ts';
import type { RedfishService } from '../service.ts';

const DEVICES: Readonly<Record<string, BootDevice>> = {
  None: 'none',
  Pxe: 'network',
  Hdd: 'disk',
  Cd: 'cd',
  UsbCd: 'cd',
  UefiHttp: 'http',
  BiosSetup: 'setup',
};

/** `Boot` of a system as it reads. @param order what to show: in force, or pending in a settings object */
export function bootView(service: RedfishService, order: BootOrder, full: boolean): Body {
  const { quirks, personality } = service;
  const persistent = quirks.has('always-continuous') ? true : order.persistent;
  const enabled = order.device === 'none' ? 'Disabled' : persistent ? 'Continuous' : 'Once';
  return {
    BootSourceOverrideEnabled: enabled,
    BootSourceOverrideTarget: targetName(service, order.device),
    BootSourceOverrideMode: order.mode,
    'BootSourceOverrideTarget@Redfish.AllowableValues': targets(service),
    'BootSourceOverrideEnabled@Redfish.AllowableValues': quirks.has('no-continuous')
      ? ['Once', 'Disabled']
      : ['Once', 'Continuous', 'Disabled'],
    'BootSourceOverrideMode@Redfish.AllowableValues': ['UEFI', 'Legacy'],
    ...(personality.bootTargets.includes('UefiHttp') ? { HttpBootUri: order.httpUri ?? null } : {}),
    ...(full ? { BootOrder: ['Boot0001', 'Boot0002'] } : {}),
  };
}

function targets(service: RedfishService): string[] {
  const cd = service.quirks.find('cd-target')?.target ?? 'Cd';
  return service.personality.bootTargets.map((t) => (t === 'Cd' ? cd : t));
}

function targetName(service: RedfishService, device: BootDevice): string {
  const name = targets(service).find((t) => DEVICES[t] === device);
  return name ?? 'None';
}

interface Asked {
  target: string | undefined;
  enabled: string | undefined;
  mode: string | undefined;
  /** Null: to be forgotten. */
  uri: string | null | undefined;
}

/** The values of a PATCH of `Boot`, each allowed by itself. @throws Refusal */
function asked(service: RedfishService, boot: Body): Asked {
  const { quirks } = service;
  const target = optionalText(boot, 'BootSourceOverrideTarget');
  const enabled = optionalText(boot, 'BootSourceOverrideEnabled');
  const mode = optionalText(boot, 'BootSourceOverrideMode');
  const uri = emptied(boot['HttpBootUri']) ? null : optionalText(boot, 'HttpBootUri');
  const given = { Target: target, Enabled: enabled, Mode: mode };
  if (target !== undefined || enabled !== undefined) {
    for (const need of quirks.find('boot-needs')?.properties ?? []) {
      if (given[need] === undefined) throw new Refusal(400, 'PropertyMissing', [`BootSourceOverride${need}`]);
    }
  }
  if (target !== undefined) oneOf(target, targets(service), 'BootSourceOverrideTarget');
  if (enabled !== undefined) oneOf(enabled, ['Disabled', 'Once', 'Continuous'], 'BootSourceOverrideEnabled');
  if (mode !== undefined) oneOf(mode, ['UEFI', 'Legacy'], 'BootSourceOverrideMode');
  const noContinuous = quirks.find('no-continuous');
  if (enabled === 'Continuous' && noContinuous !== undefined) {
    throw new Refusal(400, vendorId(noContinuous.messageId), [enabled, 'BootSourceOverrideEnabled'], {
      property: 'Boot/BootSourceOverrideEnabled',
    });
  }
  if (typeof uri === 'string') webUrl(uri, 'HttpBootUri');
  return { target, enabled, mode, uri };
}

function emptied(uri: unknown): boolean {
  return uri === null || uri === '';
}

/** What a PATCH of `Boot` asks for, seen from what there is now. @throws Refusal */
function wantedOrder(service: RedfishService, now: BootOrder, boot: Body): BootOrder {
  const { target, enabled, mode, uri } = asked(service, boot);
  const kept: BootMode = service.quirks.has('boot-mode-reset') && target !== undefined ? 'Legacy' : now.mode;
  const device = enabled === 'Disabled' ? 'none' : target === undefined ? now.device : (DEVICES[target] ?? 'none');
  if (device === 'http' && (mode ?? kept) === 'Legacy') {
    throw new Refusal(400, 'PropertyValueConflict', ['BootSourceOverrideTarget', 'BootSourceOverrideMode']);
  }
  const httpUri = uri === null ? undefined : (uri ?? now.httpUri);
  return {
    device,
    persistent: enabled === undefined ? now.persistent : enabled === 'Continuous',
    mode: mode === undefined ? kept : (mode as BootMode),
    ...(httpUri === undefined ? {} : { httpUri }),
  };
}

/** Applies a boot order as the personality does. @returns text of the job that a change of mode became */
async function applyOrder(service: RedfishService, wanted: BootOrder): Promise<string | undefined> {
  const { machine, quirks } = service;
  const before = machine.bootOrder();
  const modeChange = wanted.mode !== machine.bootMode();
  const fixed = quirks.find('boot-mode-fixed');
  if (modeChange && fixed !== undefined) {
    throw new Refusal(400, vendorId(fixed.messageId), [wanted.mode, 'BootSourceOverrideMode']);
  }
  const set = () =>
    Promise.all([
      machine.setBootOrder(wanted),
      ...(modeChange && !quirks.has('bios-job') ? [setMode(service, wanted.mode)] : []),
    ]);
  const delay = quirks.find('delayed-apply');
  if (delay === undefined) await set();
  else service.later(delay.ms, () => service.background('boot order', set()));
  const reverts = quirks.find('boot-silently-reverts');
  if (reverts !== undefined) {
    service.later(reverts.afterMs, () => service.background('boot order', machine.setBootOrder(before)));
  }
  if (!modeChange || !quirks.has('bios-job')) return undefined;
  const job = service.tasks.start('Boot mode change');
  job.pend('The job runs when the machine is restarted.');
  service.atNextBoot(async () => {
    await setMode(service, wanted.mode);
    job.done('Job completed successfully.');
  });
  return `${service.paths.tasks}/${job.record.id}`;
}

async function setMode(service: RedfishService, mode: BootMode): Promise<void> {
  await service.machine.setBootMode(mode);
  service.bios.attributes['BootMode'] = mode === 'UEFI' ? 'Uefi' : 'Bios';
}

/** PATCH of `Boot`, on the system or on its settings object. */
export async function patchBoot(service: RedfishService, body: Body): Promise<string | undefined> {
  const boot = objectOf(body['Boot']);
  checkType('Boot', body['Boot'], 'object');
  passConfigWrite(service);
  const now = service.pendingBoot ?? { ...service.machine.bootOrder(), mode: service.machine.bootMode() };
  const wanted = wantedOrder(service, now, boot);
  if (!service.quirks.has('boot-settings-object')) return applyOrder(service, wanted);
  const first = service.pendingBoot === undefined;
  service.pendingBoot = wanted;
  // The firmware takes the order from the settings object right before it looks for something to boot.
  if (first) {
    service.atNextBoot(async () => {
      const pending = service.pendingBoot;
      service.pendingBoot = undefined;
      if (pending !== undefined) await applyOrder(service, pending);
    });
  }
  return undefined;
}
