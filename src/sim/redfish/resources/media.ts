import { errorText } from '../../../core/errors.ts';
import { checkPatch, oneOf, optionalFlag, optionalText, text, webUrl } from '../check.ts';
import { Refusal } from '../messages.ts';
import type { Paths } from '../paths.ts';
import type { Personality } from '../personality.ts';
import { type Body, type Call, NO_CONTENT, type Reply, type Route, collection, resource } from '../router.ts';
import type { RedfishService } from '../service.ts';
import type { MediaSlot } from '../state/media.ts';
import { acceptedJob } from './tasks.ts';

/** Virtual drives: insert, eject, and the many ways in which BMCs want it said. */
export function mediaRoutes(paths: Paths, personality: Personality): Route[] {
  const slots = personality.media.slots;
  const patching = personality.quirks.some((q) => q.kind === 'media-patch');
  const vmm = personality.quirks.some((q) => q.kind === 'media-vmm-control');
  return [
    {
      path: paths.media,
      get: () =>
        collection(
          paths.media,
          'VirtualMedia.VirtualMedia',
          'Virtual media',
          slots.map((slot) => `${paths.media}/${slot.id}`),
        ),
    },
    ...slots.flatMap((kind, index) => {
      const path = `${paths.media}/${kind.id}`;
      const slotOf = (service: RedfishService) => service.media[index];
      return [
        {
          path,
          get: ({ service }: Call) => viewOf(service, path, slotOf(service)),
          patch: (call: Call) => patchSlot(call, path, slotOf(call.service)),
        },
        ...(vmm ? [vmmRoute(path, slotOf)] : []),
        ...(patching || vmm
          ? []
          : [
              {
                path: `${path}/Actions/VirtualMedia.InsertMedia`,
                post: (call: Call) => insertAction(call, slotOf(call.service)),
              },
              {
                path: `${path}/Actions/VirtualMedia.EjectMedia`,
                post: (call: Call) => ejectAction(call, slotOf(call.service)),
              },
            ]),
      ];
    }),
  ];
}

function viewOf(service: RedfishService, path: string, slot: MediaSlot | undefined): Body | undefined {
  if (slot === undefined) return undefined;
  const { quirks } = service;
  const stale = slot.staleUntil !== undefined && service.clock.monotonic() < slot.staleUntil;
  const image = stale ? (slot.image ?? slot.staleImage) : slot.image;
  const dead = quirks.find('dead-slots');
  const vmm = quirks.has('media-vmm-control');
  const noAction =
    vmm || quirks.has('media-patch') || (dead?.answer === 'no-action' && dead.slots.includes(slot.kind.id));
  return resource(path, 'VirtualMedia.v1_6_2.VirtualMedia', slot.kind.id, `Virtual ${slot.kind.id}`, {
    MediaTypes: slot.kind.mediaTypes,
    ConnectedVia: slot.inserted ? 'URI' : 'NotConnected',
    Inserted: slot.inserted || stale,
    Image: image ?? null,
    ImageName: image === undefined ? null : (image.split('/').at(-1) ?? null),
    WriteProtected: slot.writeProtected,
    UserName: slot.userName ?? null,
    Password: null,
    VerifyCertificate: slot.verifyCertificate,
    TransferMethod: slot.inserted ? 'Stream' : null,
    ...(vmm ? { Oem: { Huawei: { Actions: { '#VirtualMedia.VmmControl': { target: vmmTarget(path) } } } } } : {}),
    ...(noAction
      ? {}
      : {
          Actions: {
            '#VirtualMedia.InsertMedia': { target: `${path}/Actions/VirtualMedia.InsertMedia` },
            '#VirtualMedia.EjectMedia': { target: `${path}/Actions/VirtualMedia.EjectMedia` },
          },
        }),
  });
}

function vmmTarget(path: string): string {
  return `${path}/Oem/Huawei/Actions/VirtualMedia.VmmControl`;
}

/** Huawei's one action for both ways; the work is a task. */
function vmmRoute(path: string, slotOf: (service: RedfishService) => MediaSlot | undefined): Route {
  return {
    path: vmmTarget(path),
    post: async (call) => {
      const { service, body } = call;
      const slot = slotOf(service);
      if (slot === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [path]);
      const type = oneOf(text(body, 'VmmControlType'), ['Connect', 'Disconnect'], 'VmmControlType');
      if (type === 'Connect') await insert(call, slot, text(body, 'Image'));
      else await eject(service, slot);
      const job = service.tasks.start(`vmm ${type.toLowerCase()} status task`);
      job.done('Completed.');
      return acceptedJob(service, job);
    },
  };
}

async function patchSlot(call: Call, path: string, slot: MediaSlot | undefined): Promise<Reply> {
  const { service, body } = call;
  const view = viewOf(service, path, slot);
  if (slot === undefined || view === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [path]);
  const inserting = service.quirks.has('media-patch')
    ? { Inserted: 'boolean' as const, WriteProtected: 'boolean' as const, UserName: 'string' as const }
    : {};
  const { Image: image, ...rest } = body;
  if (!service.quirks.has('media-patch') && image !== undefined) {
    throw new Refusal(400, 'PropertyNotWritable', ['Image'], { property: 'Image' });
  }
  if (Object.keys(rest).length > 0) checkPatch(rest, view, { ...inserting, VerifyCertificate: 'boolean' });
  slot.verifyCertificate = optionalFlag(body, 'VerifyCertificate') ?? slot.verifyCertificate;
  if (image === undefined && body['Inserted'] === undefined) return NO_CONTENT;
  refuseDead(service, slot);
  if (image === null || body['Inserted'] === false) await eject(service, slot);
  else await insert(call, slot, text(body, 'Image'));
  return NO_CONTENT;
}

async function insertAction(call: Call, slot: MediaSlot | undefined): Promise<Reply> {
  if (slot === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [call.path]);
  const { service, body } = call;
  const { quirks } = service;
  refuseDead(service, slot);
  const action = 'VirtualMedia.InsertMedia';
  if (body['Image'] === undefined) throw new Refusal(400, 'ActionParameterMissing', [action, 'Image']);
  for (const name of Object.keys(body)) {
    if (!PARAMETERS.includes(name)) throw new Refusal(400, 'ActionParameterUnknown', [action, name]);
  }
  if (quirks.has('media-image-only')) {
    const surplus = Object.keys(body).find((name) => name === 'Inserted' || name === 'WriteProtected');
    if (surplus !== undefined) throw new Refusal(400, 'ActionParameterNotSupported', [surplus, action]);
  }
  for (const name of quirks.find('media-needs')?.properties ?? []) {
    if (body[name] === undefined) throw new Refusal(400, 'ActionParameterMissing', [action, name]);
  }
  await insert(call, slot, text(body, 'Image'));
  return NO_CONTENT;
}

const PARAMETERS: readonly string[] = [
  'Image',
  'Inserted',
  'WriteProtected',
  'TransferProtocolType',
  'TransferMethod',
  'UserName',
  'Password',
];

function refuseDead(service: RedfishService, slot: MediaSlot): void {
  const dead = service.quirks.find('dead-slots');
  if (dead?.slots.includes(slot.kind.id) !== true) return;
  if (dead.answer === 'no-action') throw new Refusal(404, 'ActionNotSupported', ['VirtualMedia.InsertMedia']);
  throw new Refusal(dead.answer, 'OperationNotAllowed', [], { headers: { Allow: 'GET, HEAD' } });
}

async function insert(call: Call, slot: MediaSlot, image: string): Promise<void> {
  const { service, body } = call;
  webUrl(image, 'Image');
  if (service.quirks.has('media-url-strict') && (/[?&]/.test(image) || !/\.(iso|img)$/i.test(image))) {
    throw new Refusal(400, 'PropertyValueFormatError', [image.slice(0, 200), 'Image'], { property: 'Image' });
  }
  if (slot.inserted) throw new Refusal(409, 'ResourceInUse');
  if (service.quirks.has('insert-fails-inserted')) {
    slot.image = image;
    slot.inserted = true;
    throw new Refusal(500, 'InternalError');
  }
  const done = async () => {
    if (isCd(slot)) await service.machine.attach(image);
    slot.image = image;
    slot.inserted = body['Inserted'] !== false;
    slot.writeProtected = optionalFlag(body, 'WriteProtected') ?? true;
    slot.userName = optionalText(body, 'UserName');
    slot.staleUntil = undefined;
  };
  const delay = service.quirks.find('delayed-apply');
  if (delay !== undefined) {
    service.later(delay.ms, () => service.background('virtual media', done()));
    return;
  }
  try {
    await done();
  } catch (error) {
    service.log.debug('virtual media not inserted', { error: errorText(error) });
    throw new Refusal(400, 'CouldNotEstablishConnection', [image.slice(0, 200)]);
  }
}

async function ejectAction(call: Call, slot: MediaSlot | undefined): Promise<Reply> {
  if (slot === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [call.path]);
  const { service } = call;
  const needs = service.quirks.find('eject-needs-body');
  if (needs !== undefined && !call.hasBody) throw new Refusal(needs.status, 'UnrecognizedRequestBody');
  refuseDead(service, slot);
  await eject(service, slot);
  return NO_CONTENT;
}

async function eject(service: RedfishService, slot: MediaSlot): Promise<void> {
  if (!slot.inserted) return;
  const stale = service.quirks.find('stale-inserted');
  if (stale !== undefined) {
    slot.staleUntil = service.clock.monotonic() + stale.ms;
    slot.staleImage = slot.image;
  }
  slot.inserted = false;
  slot.image = undefined;
  slot.userName = undefined;
  if (isCd(slot)) await service.machine.detach();
}

function isCd(slot: MediaSlot): boolean {
  return slot.kind.mediaTypes.includes('CD') || slot.kind.mediaTypes.includes('DVD');
}
