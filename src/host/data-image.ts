import { kubeTime } from '../core/clock.ts';
import { type Steps, ask } from './ask.ts';
import { type Pass, type Verdict, failureText } from './pass.ts';

/**
 * Before a deployed machine is switched on, its DataImage goes in or out (metal3-compat §1.9). A medium that cannot be
 * changed is noted in the DataImage and tried again at the next power on: the machine does not stay off for it.
 * @returns undefined when the machine may be switched on
 */
export function* syncDataImage(pass: Pass): Steps<Verdict | undefined> {
  const image = yield* ask('data-image', undefined);
  if (image === undefined) return undefined;
  const attached = image.status?.attachedImage?.url;
  const url = image.metadata.deletionTimestamp === undefined ? image.spec.url : undefined;
  if (attached === url) return undefined;
  const outcome = yield* ask('dataImage', { attached, url });
  if (outcome.kind === 'continue') return { kind: 'continue', requeueMs: outcome.requeueMs };
  const lastReconciled = kubeTime(pass.nowMs);
  if (outcome.kind === 'failed') {
    const error = { count: (image.status?.error?.count ?? 0) + 1, message: failureText(outcome) };
    yield* ask('data-image-noted', { image, status: { ...image.status, lastReconciled, error } });
    return undefined;
  }
  const status = { lastReconciled, ...(url === undefined ? {} : { attachedImage: { url } }) };
  yield* ask('data-image-noted', { image, status });
  return undefined;
}
