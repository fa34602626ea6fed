import type { FirmwareProgress } from '../api/hostprogress.ts';
import type { FirmwareUpdate } from '../api/firmware.ts';
import type { FirmwareControl, UpdateState } from '../bmc/capabilities.ts';
import { kubeTime } from '../core/clock.ts';
import { troubled } from './operation.ts';
import { type Run, type StepResult, unsupported } from './run.ts';
import { settle } from './settling.ts';

const POLL_MS = 5000;

/** Restarts the machine for what the BMC has taken; called again until it says `next`. */
export type Restart = (run: Run) => Promise<StepResult>;

/**
 * Updates one after the other: a BMC that flashes does nothing else. Those that are over stay noted in HostProgress until
 * the whole operation is, so that none is flashed twice when the wish changes or the engine dies in between.
 */
export async function flash(run: Run, updates: readonly FirmwareUpdate[], restart: Restart): Promise<StepResult> {
  const progress = progressOf(run);
  const { update: current, handle } = progress;
  if (current !== undefined && handle !== undefined) {
    return withFirmware(run, (firmware, signal) => follow(run, firmware, { ...progress, handle }, restart, signal));
  }
  const update = updates.find((u) => !includes(progress.finished, u));
  if (update === undefined) return { kind: 'next' };
  return withFirmware(run, async (firmware, signal) => {
    const started = await firmware.start(update, signal);
    const { finished } = progress;
    await run.update({ firmware: { finished, update, handle: started, since: kubeTime(run.now) } });
    run.see('bmc', 'firmware-started', `${update.component}: the BMC fetches the image`);
    return { kind: 'again', ms: POLL_MS };
  });
}

/**
 * Waits for an update that the BMC is at and that nobody wishes for any more: a machine whose power is cut while it is
 * flashed may never start again.
 * @param wished updates that are to go on
 * @returns `next` when the machine may be switched as is liked
 */
export async function awaitFlash(run: Run, wished: readonly FirmwareUpdate[] = []): Promise<StepResult> {
  const { update, handle, finished, since } = progressOf(run);
  if (update === undefined || handle === undefined || includes(wished, update)) return { kind: 'next' };
  const state = await flashState(run, handle);
  if (state === 'trouble') return { kind: 'again', ms: POLL_MS };
  if (state?.kind === 'running' && late(run, since) === undefined) {
    if (run.status.wait?.name !== FLASHING) {
      await run.update({ wait: run.wait(FLASHING, run.doors.limits.firmwareMs, 'the log of the BMC') });
    }
    return { kind: 'again', ms: POLL_MS };
  }
  const end = state === undefined ? 'the BMC tells no more of it' : state.text;
  run.see('bmc', 'firmware-abandoned', `${update.component}: the update is not followed any more: ${end}`);
  await run.update({ firmware: { finished, since: kubeTime(run.now) }, wait: undefined });
  return { kind: 'next' };
}

const SETTLING = 'the BMC to answer steadily after its update';
const FLASHING = 'the BMC to end a firmware update';

/** Undefined: the BMC does not say, and will not. */
async function flashState(run: Run, handle: string): Promise<UpdateState | 'trouble' | undefined> {
  try {
    let state: UpdateState | undefined;
    await withFirmware(run, async (firmware, signal) => {
      state = await firmware.state(handle, signal);
      return { kind: 'next' };
    });
    return state;
  } catch (error) {
    const result = await troubled(run, error, 'the BMC to tell of a firmware update');
    return result.kind === 'again' ? 'trouble' : undefined;
  }
}

/** The operation is over: what was flashed for it is no concern of the next one. */
export async function forgetFlashed(run: Run): Promise<void> {
  const { firmware } = run.status;
  if (firmware === undefined) return;
  // One that the BMC may still be at is remembered: nothing may cut the power meanwhile.
  await run.update({ firmware: firmware.handle === undefined ? undefined : { ...firmware, finished: [] } });
}

type Progress = FirmwareProgress & { finished: FirmwareUpdate[] };

function progressOf(run: Run): Progress {
  const { firmware } = run.status;
  return { since: kubeTime(run.now), ...firmware, finished: firmware?.finished ?? [] };
}

function includes(updates: readonly FirmwareUpdate[], { component, url }: FirmwareUpdate): boolean {
  return updates.some((u) => u.component === component && u.url === url);
}

async function follow(
  run: Run,
  firmware: FirmwareControl,
  progress: Progress & { handle: string },
  restart: Restart,
  signal: AbortSignal,
): Promise<StepResult> {
  const { update = { component: 'firmware', url: '' }, finished } = progress;
  const { component } = update;
  if (progress.settling !== undefined) return settled(run, progress, update);
  const state = await firmware.state(progress.handle, signal);
  switch (state.kind) {
    case 'done':
      run.see('bmc', 'firmware-done', `${component}: ${state.text}`);
      return settled(run, progress, update);
    case 'failed':
      await run.update({ firmware: { finished, since: kubeTime(run.now) } });
      return { kind: 'failed', code: 'PROVISION_FIRMWARE_FAILED', message: `${component}: ${state.text}` };
    case 'needs-restart': {
      const result: StepResult = progress.restarted === true ? { kind: 'next' } : await restart(run);
      if (result.kind !== 'next') return result;
      if (progress.restarted !== true) await run.update({ firmware: { ...progress, restarted: true } });
      return (await failedLate(run, progress, component, state.text)) ?? { kind: 'again', ms: POLL_MS };
    }
    case 'running':
      if (state.percent !== undefined) await run.update({ percent: state.percent });
      return (await failedLate(run, progress, component, state.text)) ?? { kind: 'again', ms: POLL_MS };
  }
}

/** An update is over when its BMC answers steadily again: the next one, or a restart, would meet one that comes and goes. */
async function settled(run: Run, progress: Progress & { handle: string }, update: FirmwareUpdate): Promise<StepResult> {
  const store = async (settling: NonNullable<Progress['settling']>) => {
    await run.update({ firmware: { ...progress, settling } });
    if (run.status.wait?.name === SETTLING) return;
    await run.update({ wait: run.wait(SETTLING, run.doors.limits.settleMs, 'that the BMC is reached') });
  };
  const result = await settle(run, progress, store);
  if (result === 'waiting') return { kind: 'again', ms: Math.min(POLL_MS, run.doors.limits.settleEveryMs) };
  const finished = result === 'settled' ? [...progress.finished, update] : progress.finished;
  await run.update({ firmware: { finished, since: kubeTime(run.now) }, wait: undefined });
  if (result === 'settled') return { kind: 'again', ms: 0 };
  const message = `${update.component}: updated, but ${run.doors.limits.settleMs / 1000} s later the BMC does not answer steadily`;
  return { kind: 'failed', code: 'PROVISION_FIRMWARE_FAILED', message };
}

async function failedLate(
  run: Run,
  progress: Progress,
  component: string,
  text: string,
): Promise<StepResult | undefined> {
  const why = late(run, progress.since);
  if (why === undefined) return undefined;
  await run.update({ firmware: { finished: progress.finished, since: kubeTime(run.now) } });
  return { kind: 'failed', code: 'PROVISION_FIRMWARE_FAILED', message: `${component}: ${why}: ${text}` };
}

function late(run: Run, since: string): string | undefined {
  const { firmwareMs } = run.doors.limits;
  return run.now - Date.parse(since) <= firmwareMs ? undefined : `no end ${firmwareMs / 1000} s after the update began`;
}

async function withFirmware(
  run: Run,
  work: (firmware: FirmwareControl, signal: AbortSignal) => Promise<StepResult>,
): Promise<StepResult> {
  return await run.withBmc('the BMC to handle firmware', async ({ firmware, address }, signal) => {
    if (firmware !== undefined) return await work(firmware, signal);
    return unsupported(`BMC ${address} updates no firmware (HostFirmwareComponents)`);
  });
}
