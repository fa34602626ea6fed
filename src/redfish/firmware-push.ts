import { Deadline } from '../core/deadline.ts';
import { errorText } from '../core/errors.ts';
import type { JsonObject, Resource, Written } from './calls.ts';
import { redfishErrors, refusalOf } from './errors.ts';
import { flagAt, textAt, textsAt } from './json.ts';
import { type ServiceDoors, rootService } from './service-doors.ts';

/** An image that is sent, not fetched. */
export interface PushedImage {
  /** Name of the file. */
  name: string;
  bytes: number;
  data: AsyncIterable<Uint8Array>;
  /** Resource that it is for; undefined: the image says it. */
  target: string | undefined;
}

/** Letting go of a claim. */
const RELEASE_MS = 15_000;

/**
 * Sends an image to the UpdateService, once: as multipart/form-data (DSP0266, multipart HTTP push), else by the
 * deprecated HttpPushUri. The length is known beforehand, since iDRAC takes no chunks.
 * @param boundary random, so that no image has it inside
 * @throws REDFISH_UNSUPPORTED, REDFISH_BUSY, REDFISH_UPLOAD_CHANGED, REDFISH_UNCERTAIN (never sent again by itself)
 */
export async function pushImage(
  doors: ServiceDoors,
  image: PushedImage,
  boundary: string,
  signal: AbortSignal,
): Promise<Written> {
  const service = await rootService(doors, 'UpdateService', signal);
  const multipart = textAt(service.body, 'MultipartHttpPushUri');
  if (multipart !== undefined) return await doors.calls.upload(multipart, formOf(image, boundary), signal);
  const plain = textAt(service.body, 'HttpPushUri');
  if (plain === undefined) {
    throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the BMC takes no pushed images (no MultipartHttpPushUri)', {
      hint: 'give it the URL of the image instead',
    });
  }
  return await pushClaimed(doors, service, plain, image, signal);
}

/** `UpdateParameters` and `UpdateFile`, in the order of the standard. */
export function formOf(
  image: PushedImage,
  boundary: string,
): { contentType: string; bytes: number; data: AsyncIterable<Uint8Array> } {
  const parameters = JSON.stringify(image.target === undefined ? {} : { Targets: [image.target] });
  const name = image.name.replaceAll(/[^\w.+-]/g, '_');
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="UpdateParameters"\r\n` +
      `Content-Type: application/json\r\n\r\n${parameters}\r\n` +
      `--${boundary}\r\nContent-Disposition: form-data; name="UpdateFile"; filename="${name}"\r\n` +
      `Content-Type: application/octet-stream\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  async function* data(): AsyncGenerator<Uint8Array> {
    yield head;
    yield* measured(image);
    yield tail;
  }
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    bytes: head.length + image.bytes + tail.length,
    data: data(),
  };
}

/** A file that somebody writes to meanwhile must not be flashed: the last bytes are kept back until all are there. */
async function* measured({ name, bytes, data }: PushedImage): AsyncGenerator<Uint8Array> {
  let seen = 0;
  let kept: Uint8Array | undefined;
  for await (const chunk of data) {
    seen += chunk.length;
    if (seen > bytes) break;
    if (kept !== undefined) yield kept;
    kept = chunk;
  }
  if (seen !== bytes) {
    const text = `${name}: ${seen > bytes ? 'more' : 'fewer'} than the ${bytes} bytes that it had when the push began`;
    throw redfishErrors.make('REDFISH_UPLOAD_CHANGED', text);
  }
  if (kept !== undefined) yield kept;
}

/** Several clients share the targets of an HttpPushUri: one of them claims it, and lets go in any case. */
async function pushClaimed(
  doors: ServiceDoors,
  service: Resource,
  uri: string,
  image: PushedImage,
  signal: AbortSignal,
): Promise<Written> {
  const busy = flagAt(service.body, 'HttpPushUriTargetsBusy');
  if (busy === true) {
    throw redfishErrors.make('REDFISH_BUSY', 'another client has claimed the firmware update (HttpPushUriTargetsBusy)');
  }
  const claimed = busy === false && (await claim(doors, service, signal));
  try {
    if (service.body['HttpPushUriTargets'] !== undefined && image.target !== undefined) {
      await change(doors, service, { HttpPushUriTargets: [image.target] }, signal);
    }
    const { bytes } = image;
    const upload = { contentType: 'application/octet-stream', bytes, data: measured(image) };
    return await doors.calls.upload(uri, upload, signal);
  } finally {
    if (claimed) await release(doors, service);
  }
}

/** @returns false for a BMC that shows the flag and does not let it be set: it has one client at a time anyway */
async function claim(doors: ServiceDoors, service: Resource, signal: AbortSignal): Promise<boolean> {
  try {
    await change(doors, service, { HttpPushUriTargetsBusy: true }, signal);
    return true;
  } catch (error) {
    const { status = 0 } = refusalOf(error) ?? {};
    if (status < 400 || status >= 500) throw error;
    doors.log.debug('firmware update cannot be claimed', { why: errorText(error) });
    return false;
  }
}

async function change(doors: ServiceDoors, service: Resource, wanted: JsonObject, signal: AbortSignal): Promise<void> {
  await doors.calls.patch(service.path, wanted, signal);
  const { body } = await doors.calls.get(service.path, signal);
  for (const [name, value] of Object.entries(wanted)) {
    const same = Array.isArray(value) ? String(textsAt(body, name)) === String(value) : body[name] === value;
    if (!same) throw redfishErrors.make('REDFISH_NOT_APPLIED', `${name} of the UpdateService does not read back`);
  }
}

/** Also after a failure, and when nobody waits any longer. It spoils no update that has begun. */
async function release(doors: ServiceDoors, service: Resource): Promise<void> {
  using deadline = new Deadline(doors.clock, 'the BMC to end the claim of its firmware update', RELEASE_MS);
  try {
    const targets = service.body['HttpPushUriTargets'] === undefined ? {} : { HttpPushUriTargets: [] };
    await doors.calls.patch(service.path, { ...targets, HttpPushUriTargetsBusy: false }, deadline.signal);
  } catch (error) {
    doors.log.warn('the claim of the firmware update stays', { why: errorText(error) });
  }
}
