import { kubeTime } from '../../../core/clock.ts';
import { checkPatch, checkType, objectOf, oneOf, optionalFlag, text } from '../check.ts';
import { passConfigWrite } from '../gates.ts';
import { Refusal } from '../messages.ts';
import type { Paths } from '../paths.ts';
import { type Body, type Call, NO_CONTENT, type Reply, type Route, link, resource } from '../router.ts';
import type { RedfishService } from '../service.ts';
import type { BiosValue } from '../state/bios.ts';
import { BIOS_JOB } from './dell-job-view.ts';
import { acceptedJob } from './tasks.ts';

export const BIOS_REGISTRY = 'BiosAttributeRegistry.v1_0_0';

/** BIOS settings, pending and in force, and Secure Boot. */
export function biosRoutes(paths: Paths): Route[] {
  const { bios, system, biosSettings: settings } = paths;
  return [
    { path: bios, get: ({ service }) => biosView(service) },
    {
      path: settings,
      get: ({ service }) =>
        resource(settings, 'Bios.v1_2_1.Bios', 'Settings', 'Pending BIOS settings', {
          AttributeRegistry: BIOS_REGISTRY,
          Attributes: service.bios.pending,
        }),
      patch: patchSettings,
    },
    { path: `${bios}/Actions/Bios.ResetBios`, post: resetBios },
    {
      path: `${bios}/Actions/Bios.ChangePassword`,
      post: ({ body }) => {
        for (const name of ['PasswordName', 'OldPassword', 'NewPassword']) text(body, name);
        return NO_CONTENT;
      },
    },
    { path: `${system}/SecureBoot`, get: ({ service }) => secureBootView(service), patch: patchSecureBoot },
    {
      path: `${system}/SecureBoot/Actions/SecureBoot.ResetKeys`,
      post: ({ service, body }) => {
        const type = text(body, 'ResetKeysType');
        oneOf(type, ['ResetAllKeysToDefault', 'DeleteAllKeys', 'DeletePK'], 'ResetKeysType');
        passConfigWrite(service);
        return NO_CONTENT;
      },
    },
  ];
}

function biosView(service: RedfishService): Body {
  const { bios, paths, quirks } = service;
  return resource(paths.bios, 'Bios.v1_2_1.Bios', 'BIOS', 'BIOS configuration', {
    AttributeRegistry: BIOS_REGISTRY,
    Attributes: bios.attributes,
    '@Redfish.Settings': {
      '@odata.type': '#Settings.v1_3_5.Settings',
      SettingsObject: link(paths.biosSettings),
      ...(quirks.has('settings-apply-time-refused') ? {} : { SupportedApplyTimes: ['OnReset'] }),
      ...(bios.appliedAt === undefined ? {} : { Time: kubeTime(bios.appliedAt) }),
      Messages: bios.messages.map((m) => ({ MessageId: `Base.1.12.${m}`, Message: m, Severity: 'OK' })),
    },
    Actions: {
      '#Bios.ResetBios': { target: `${paths.bios}/Actions/Bios.ResetBios` },
      '#Bios.ChangePassword': { target: `${paths.bios}/Actions/Bios.ChangePassword` },
    },
  });
}

function patchSettings({ service, body }: Call): Reply {
  const { bios, quirks } = service;
  const attributes = objectOf(body['Attributes']);
  checkType('Attributes', body['Attributes'], 'object');
  const applyTime = body['@Redfish.SettingsApplyTime'];
  if (applyTime !== undefined && quirks.has('settings-apply-time-refused')) {
    throw new Refusal(400, 'PropertyUnknown', ['@Redfish.SettingsApplyTime']);
  }
  for (const name of Object.keys(body)) {
    if (name !== 'Attributes' && !name.startsWith('@')) throw new Refusal(400, 'PropertyUnknown', [name]);
  }
  if (applyTime !== undefined) {
    const when = text(objectOf(applyTime), 'ApplyTime');
    oneOf(when, ['OnReset'], '@Redfish.SettingsApplyTime/ApplyTime');
  }
  for (const [name, value] of Object.entries(attributes)) checkAttribute(service, name, value);
  passConfigWrite(service);
  for (const [name, value] of Object.entries(attributes)) {
    if (bios.attributes[name] === value) delete bios.pending[name];
    else bios.pending[name] = value as BiosValue;
  }
  // Dell’s scripts: without ApplyTime the settings are staged, and a job for them must be made.
  bios.withoutJob = quirks.has('bios-job') && applyTime === undefined;
  return bios.withoutJob ? NO_CONTENT : biosJob(service, 'BIOS configuration');
}

function checkAttribute(service: RedfishService, name: string, value: unknown): void {
  const property = `Attributes/${name}`;
  switch (service.bios.problem(name, value)) {
    case undefined:
      return;
    case 'unknown':
      throw new Refusal(400, 'PropertyUnknown', [name], { property });
    case 'read-only':
      throw new Refusal(400, 'PropertyNotWritable', [name], { property });
    case 'type':
      throw new Refusal(400, 'PropertyValueTypeError', [name], { property });
    case 'value':
      throw new Refusal(400, 'PropertyValueNotInList', [String(value), name], { property });
  }
}

/** iDRAC makes a job of it that runs at the next start; others say no more than yes. */
function biosJob(service: RedfishService, name: string): Reply {
  if (!service.quirks.has('bios-job')) return NO_CONTENT;
  const job = service.tasks.start(name);
  job.record.jobType = BIOS_JOB;
  job.pend('Task successfully scheduled.');
  service.atNextBoot(() => job.done('Job completed successfully.', [service.paths.bios]));
  return acceptedJob(service, job);
}

function resetBios({ service, hasBody }: Call): Reply {
  if (service.quirks.has('reset-bios-needs-body') && !hasBody) throw new Refusal(400, 'UnrecognizedRequestBody');
  passConfigWrite(service);
  service.bios.resetPending = true;
  return biosJob(service, 'BIOS reset');
}

function secureBootView(service: RedfishService): Body {
  const path = `${service.paths.system}/SecureBoot`;
  const { enabled, next } = service.secureBoot;
  return resource(path, 'SecureBoot.v1_1_0.SecureBoot', 'SecureBoot', 'UEFI Secure Boot', {
    SecureBootEnable: next,
    SecureBootCurrentBoot: enabled ? 'Enabled' : 'Disabled',
    SecureBootMode: 'UserMode',
    Actions: {
      '#SecureBoot.ResetKeys': {
        target: `${path}/Actions/SecureBoot.ResetKeys`,
        'ResetKeysType@Redfish.AllowableValues': ['ResetAllKeysToDefault', 'DeleteAllKeys', 'DeletePK'],
      },
    },
  });
}

function patchSecureBoot({ service, body }: Call): Reply {
  checkPatch(body, secureBootView(service), { SecureBootEnable: 'boolean' });
  const wanted = optionalFlag(body, 'SecureBootEnable') ?? false;
  if (wanted && service.machine.bootMode() !== 'UEFI') {
    throw new Refusal(400, 'PropertyValueConflict', ['SecureBootEnable', 'BootSourceOverrideMode']);
  }
  passConfigWrite(service);
  if (!service.quirks.has('bios-job')) {
    service.secureBoot.next = wanted;
    return NO_CONTENT;
  }
  const job = service.tasks.start('Secure Boot change');
  job.pend('Task successfully scheduled.');
  service.atNextBoot(() => {
    service.secureBoot = { enabled: wanted, next: wanted };
    job.done('Job completed successfully.');
  });
  return acceptedJob(service, job);
}
