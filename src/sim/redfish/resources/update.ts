import { errorText } from '../../../core/errors.ts';
import { objectOf, oneOf, optionalTexts, text, webUrl } from '../check.ts';
import { fetchStart } from '../fetch-url.ts';
import { passConfigWrite } from '../gates.ts';
import { Refusal } from '../messages.ts';
import { type Paths, ROOT } from '../paths.ts';
import { type Body, type Call, OK_HEALTH, type Reply, type Route, collection, link, resource } from '../router.ts';
import type { RedfishService } from '../service.ts';
import { type Component, readImage } from '../state/firmware.ts';
import type { TaskHandle } from '../state/tasks.ts';
import { acceptedJob } from './tasks.ts';

const HOME = `${ROOT}/UpdateService`;
const INVENTORY = `${HOME}/FirmwareInventory`;
const MAX_IMAGE = 4096;
const FETCH_MS = 60_000;

/** Firmware: what is there, and the three ways of bringing something newer. */
export function updateRoutes(paths: Paths): Route[] {
  return [
    {
      path: HOME,
      get: () =>
        resource(HOME, 'UpdateService.v1_11_3.UpdateService', 'UpdateService', 'Updates', {
          ServiceEnabled: true,
          HttpPushUri: `${HOME}/update`,
          HttpPushUriTargetsBusy: false,
          MultipartHttpPushUri: `${HOME}/MultipartUpload`,
          Status: OK_HEALTH,
          FirmwareInventory: link(INVENTORY),
          Actions: {
            '#UpdateService.SimpleUpdate': {
              target: `${HOME}/Actions/UpdateService.SimpleUpdate`,
              'TransferProtocol@Redfish.AllowableValues': ['HTTP', 'HTTPS'],
            },
          },
        }),
    },
    {
      path: INVENTORY,
      get: ({ service }) =>
        collection(
          INVENTORY,
          'SoftwareInventory.SoftwareInventory',
          'Firmware',
          service.firmware.map((c) => `${INVENTORY}/${c.id}`),
        ),
    },
    {
      path: `${INVENTORY}/:component`,
      get: ({ service, params }) => {
        const component = service.firmware.find((c) => c.id === params['component']);
        return component === undefined ? undefined : componentView(component, paths);
      },
    },
    { path: `${HOME}/Actions/UpdateService.SimpleUpdate`, post: simpleUpdate },
    { path: `${HOME}/update`, post: plainPush, anyBody: true },
    { path: `${HOME}/MultipartUpload`, post: multipartPush, anyBody: true },
  ];
}

function componentView(component: Component, paths: Paths): Body {
  const related = component.related === 'manager' ? paths.manager : paths.system;
  return resource(
    `${INVENTORY}/${component.id}`,
    'SoftwareInventory.v1_9_0.SoftwareInventory',
    component.id,
    component.name,
    { Version: component.version, Updateable: true, RelatedItem: [link(related)], Status: OK_HEALTH },
  );
}

function simpleUpdate({ service, body }: Call): Reply {
  const uri = body['ImageURI'];
  if (uri === undefined) throw new Refusal(400, 'ActionParameterMissing', ['UpdateService.SimpleUpdate', 'ImageURI']);
  const url = webUrl(text(body, 'ImageURI'), 'ImageURI');
  if (body['TransferProtocol'] !== undefined) {
    oneOf(text(body, 'TransferProtocol'), ['HTTP', 'HTTPS'], 'TransferProtocol');
  }
  const target = targetOf(service, optionalTexts(body, 'Targets'));
  passConfigWrite(service);
  const job = service.tasks.start('Firmware update');
  service.background(
    'firmware update',
    update(service, job, target, () => download(url)),
  );
  return acceptedJob(service, job);
}

async function download(url: string): Promise<string> {
  return Buffer.from(await fetchStart(url, MAX_IMAGE, AbortSignal.timeout(FETCH_MS))).toString('latin1');
}

/** Body: the image and nothing else. */
function plainPush({ service, bytes }: Call): Reply {
  if (bytes.length === 0) throw new Refusal(400, 'UnrecognizedRequestBody');
  return pushed(service, undefined, Buffer.from(bytes.subarray(0, MAX_IMAGE)).toString('latin1'));
}

/** Body: `UpdateParameters` (JSON) and `UpdateFile`, as multipart/form-data (DSP0266 §12.6). */
function multipartPush({ service, bytes, headers }: Call): Reply {
  if (service.personality.name.startsWith('dell') && headers['content-length'] === undefined) {
    throw new Refusal(411, 'HeaderInvalid', ['Content-Length']);
  }
  const boundary = /boundary="?([^";]+)"?/.exec(String(headers['content-type'] ?? ''))?.[1];
  if (boundary === undefined) throw new Refusal(415, 'HeaderInvalid', ['Content-Type']);
  const parts = splitMultipart(bytes, boundary);
  const parameters = parts.get('UpdateParameters');
  const file = parts.get('UpdateFile');
  if (parameters === undefined) throw new Refusal(400, 'PropertyMissing', ['UpdateParameters']);
  if (file === undefined) throw new Refusal(400, 'PropertyMissing', ['UpdateFile']);
  const target = targetOf(service, optionalTexts(parsed(parameters), 'Targets'));
  return pushed(service, target, file.slice(0, MAX_IMAGE));
}

function parsed(json: string): Body {
  try {
    return objectOf(JSON.parse(json));
  } catch {
    throw new Refusal(400, 'MalformedJSON');
  }
}

/** Parts of a form by name, as latin1 text. What has no name or no end is left out. */
function splitMultipart(bytes: Uint8Array, boundary: string): Map<string, string> {
  const parts = new Map<string, string>();
  for (const piece of Buffer.from(bytes).toString('latin1').split(`--${boundary}`)) {
    const end = piece.indexOf('\r\n\r\n');
    const name = end < 0 ? undefined : /name="?([^";\r\n]+)"?/.exec(piece.slice(0, end))?.[1];
    if (name !== undefined) parts.set(name, piece.slice(end + 4).replace(/\r\n$/, ''));
  }
  return parts;
}

function pushed(service: RedfishService, target: Component | undefined, image: string): Reply {
  passConfigWrite(service);
  const job = service.tasks.start('Firmware update');
  service.background(
    'firmware update',
    update(service, job, target, () => Promise.resolve(image)),
  );
  return acceptedJob(service, job);
}

/** The one component that an update is for; undefined: what the image says. */
function targetOf(service: RedfishService, targets: readonly string[]): Component | undefined {
  const [first] = targets;
  if (first === undefined) return undefined;
  const { paths, firmware } = service;
  const found =
    firmware.find((c) => `${INVENTORY}/${c.id}` === first) ??
    firmware.find((c) => (c.id === 'BMC' && first === paths.manager) || (c.id === 'BIOS' && first === paths.system));
  if (found === undefined) throw new Refusal(400, 'PropertyValueNotInList', [first.slice(0, 200), 'Targets']);
  return found;
}

async function update(
  service: RedfishService,
  job: TaskHandle,
  target: Component | undefined,
  load: () => Promise<string>,
): Promise<void> {
  let image: ReturnType<typeof readImage>;
  try {
    image = readImage(await load());
  } catch (error) {
    job.fail(`The image could not be fetched: ${errorText(error)}`);
    return;
  }
  const component = target ?? service.firmware.find((c) => c.id === image?.component);
  if (image === undefined || component === undefined) {
    job.fail('The image is not one of this machine’s firmware.');
    return;
  }
  if (image.component !== undefined && image.component !== component.id && !component.id.startsWith(image.component)) {
    job.fail(`The image is for ${image.component}, not for ${component.id}.`);
    return;
  }
  job.progress(30, 'The image is verified.');
  const { version } = image;
  service.later(service.updateMs, () => install(service, job, component, version));
}

function install(service: RedfishService, job: TaskHandle, component: Component, version: string): void {
  const touched = [`${INVENTORY}/${component.id}`];
  if (component.related === 'manager') {
    component.version = version;
    job.done('Update successful. The BMC restarts.', touched);
    service.later(100, () => service.restart());
  } else if (service.machine.power() === 'Off' && component.id !== 'BIOS') {
    component.version = version;
    job.done('Update successful.', touched);
  } else {
    component.staged = version;
    job.pend('The update is applied when the machine is restarted.');
    service.atNextBoot(() => job.done('Update successful.', touched));
  }
}
