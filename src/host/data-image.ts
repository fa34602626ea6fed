import { kubeTime } from '../core/clock.ts';
import { type Steps, ask } from './ask.ts';
import { type Pass, type Verdict, failureText } from './pass.ts';
import { DATA_IMAGE_RETRY_MS, failureBackoffMs } from './timers.ts';

/**
 * Before a deployed machine is switched on, its DataImage goes in or out (metal3-compat §1.9). The BMC is asked even when
 * all is as noted: one that restarted has lost its media. A machine whose medium cannot be changed stays off, as in
 * Metal3, and its DataImage says why.
 * @returns undefined when the machine may be switched on
 */
export function* syncDataImage(pass: Pass): Steps<Verdict | undefined> {
  const image = yield* ask('data-image', undefined);
  if (image === undefined) return undefined;
  const attached = textOf(image.status?.attachedImage?.url);
  const url = image.metadata.deletionTimestamp === undefined ? textOf(image.spec.url) : undefined;
  if (attached === undefined && url === undefined) return undefined;
  const outcome = yield* ask('dataImage', { attached, url });
  if (outcome.kind === 'continue') {
    pass.waiting = 'the BMC to change the DataImage';
    return { kind: 'continue', requeueMs: outcome.requeueMs };
  }
  const lastReconciled = kubeTime(pass.nowMs);
  const failures = image.status?.error?.count ?? 0;
  if (outcome.kind === 'failed') {
    const error = { count: failures + 1, message: failureText(outcome) };
    yield* ask('data-image-noted', { image, status: { ...image.status, lastReconciled, error } });
    pass.waiting = `the DataImage, without which the machine is not switched on: ${error.message}`;
    return { kind: 'continue', requeueMs: Math.max(DATA_IMAGE_RETRY_MS, failureBackoffMs(error.count, pass.random)) };
  }
  if (attached === url && failures === 0) return undefined;
  const error = { count: 0, message: '' };
  const status = { lastReconciled, error, ...(url === undefined ? {} : { attachedImage: { url } }) };
  yield* ask('data-image-noted', { image, status });
  return undefined;
}

function textOf(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
