import type { HardwareRaidVolume } from '../api/baremetalhost.ts';
import { biosChanges } from '../bmc/bios-values.ts';
import type { BiosControl, FirmwareControl } from '../bmc/capabilities.ts';
import { kubeTime } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import type { OperationTable, Step } from './operation.ts';
import type { FirmwareWish } from './provisioner.ts';
import { raidSteps } from './raid.ts';
import { restartMachine } from './restart.ts';
import type { Run, StepResult } from './run.ts';

const POLL_MS = 5000;

/**
 * Firmware first, since it may bring the settings that are wished for; then the settings, then a look whether they hold.
 * RAID last: a setting may be what makes a controller one for RAID.
 * @param volumes the RAID volumes to make; undefined: what there is stays
 */
export function preparing(wish: FirmwareWish, volumes?: readonly HardwareRaidVolume[]): OperationTable {
  const step = (name: string, text: string, work: (run: Run, wish: FirmwareWish) => Promise<StepResult>): Step => ({
    name,
    text,
    agent: false,
    run: (run) => work(run, wish),
  });
  const settings = [
    step('bios-set', 'staging BIOS settings', stage),
    step('bios-restart', 'restarting the machine for its BIOS settings', restartFor),
    step('bios-verify', 'reading the BIOS settings back', verify),
  ];
  return {
    kind: 'prepare',
    phase: 'preparing',
    // Only what there is to do, so that the timeline tells of nothing else.
    steps: [
      ...(wish.updates.length === 0 ? [] : [step('firmware', 'updating firmware', updateFirmware)]),
      ...(Object.keys(wish.settings).length === 0 ? [] : settings),
      ...(volumes === undefined ? [] : raidSteps(volumes)),
    ],
  };
}

async function stage(run: Run, wish: FirmwareWish): Promise<StepResult> {
  return withBios(run, async (bios, signal) => {
    const { attributes } = await bios.state(signal);
    const { changes, bad } = biosChanges(wish.settings, attributes, await bios.registry(signal));
    if (bad.length > 0) return notApplied(`the machine does not take these BIOS settings: ${bad.join(', ')}`);
    if (Object.keys(changes).length === 0) return { kind: 'next' };
    await bios.set(changes, signal);
    run.see('bmc', 'bios-staged', `BIOS settings staged, read back: ${Object.keys(changes).join(', ')}`);
    return { kind: 'next' };
  });
}

async function restartFor(run: Run, wish: FirmwareWish): Promise<StepResult> {
  if ((await missing(run, wish)).length > 0) await restartMachine(run);
  return { kind: 'next' };
}

async function verify(run: Run, wish: FirmwareWish): Promise<StepResult> {
  const left = await missing(run, wish);
  if (left.length === 0) {
    run.see('bmc', 'bios-applied', `BIOS settings in force: ${Object.keys(wish.settings).join(', ')}`);
    return { kind: 'next' };
  }
  const { biosMs } = run.doors.limits;
  const since = Date.parse(run.operation?.stepSince ?? '');
  if (run.now - since > biosMs) {
    return notApplied(`BIOS settings not in force ${biosMs / 1000} s after the restart: ${left.join(', ')}`);
  }
  if (run.status.wait === undefined) {
    await run.update({ wait: run.wait('the machine to take its BIOS settings', biosMs, 'the console of the machine') });
  }
  return { kind: 'again', ms: POLL_MS };
}

/** Names of wished settings that are not in force. */
async function missing(run: Run, wish: FirmwareWish): Promise<string[]> {
  let names: string[] = [];
  await withBios(run, async (bios, signal) => {
    const { attributes } = await bios.state(signal);
    names = Object.keys(wish.settings).filter((name) => String(attributes[name]) !== String(wish.settings[name]));
    return { kind: 'next' };
  });
  return names;
}

function notApplied(message: string): StepResult {
  return { kind: 'failed', code: 'PROVISION_BIOS_NOT_APPLIED', message };
}

async function withBios(
  run: Run,
  work: (bios: BiosControl, signal: AbortSignal) => Promise<StepResult>,
): Promise<StepResult> {
  const { doors, context } = run;
  using deadline = new Deadline(doors.clock, 'the BMC to handle BIOS settings', doors.limits.bmcMs, context.signal);
  const { bios, address } = await doors.bmcs.get(context);
  if (bios === undefined) return unsupported(`BMC ${address} has no BIOS settings (HostFirmwareSettings)`);
  return await work(bios, deadline.signal);
}

/** One after the other: a BMC that flashes does nothing else. */
async function updateFirmware(run: Run, wish: FirmwareWish): Promise<StepResult> {
  const progress = run.status.firmware ?? { done: 0, since: kubeTime(run.now) };
  const update = wish.updates[progress.done];
  if (update === undefined) return { kind: 'next', patch: { firmware: undefined } };
  const { doors, context } = run;
  using deadline = new Deadline(doors.clock, 'the BMC to handle firmware', doors.limits.bmcMs, context.signal);
  const { firmware, address } = await doors.bmcs.get(context);
  if (firmware === undefined) return unsupported(`BMC ${address} updates no firmware (HostFirmwareComponents)`);
  if (progress.handle === undefined) {
    const handle = await firmware.start(update, deadline.signal);
    await run.update({ firmware: { done: progress.done, handle, since: kubeTime(run.now) } });
    run.see('bmc', 'firmware-started', `${update.component}: the BMC fetches the image`);
    return { kind: 'again', ms: POLL_MS };
  }
  return follow(run, update.component, firmware, { ...progress, handle: progress.handle }, deadline.signal);
}

async function follow(
  run: Run,
  component: string,
  firmware: FirmwareControl,
  progress: { done: number; handle: string; since: string; restarted?: boolean },
  signal: AbortSignal,
): Promise<StepResult> {
  const state = await firmware.state(progress.handle, signal);
  switch (state.kind) {
    case 'done':
      run.see('bmc', 'firmware-done', `${component}: ${state.text}`);
      await run.update({ firmware: { done: progress.done + 1, since: kubeTime(run.now) } });
      return { kind: 'again', ms: 0 };
    case 'failed':
      await run.update({ firmware: undefined });
      return { kind: 'failed', code: 'PROVISION_FIRMWARE_FAILED', message: `${component}: ${state.text}` };
    case 'needs-restart':
      if (progress.restarted !== true) {
        await restartMachine(run);
        await run.update({ firmware: { ...progress, restarted: true } });
      }
      return late(run, component, progress, state.text) ?? { kind: 'again', ms: POLL_MS };
    case 'running':
      if (state.percent !== undefined) await run.update({ percent: state.percent });
      return late(run, component, progress, state.text) ?? { kind: 'again', ms: POLL_MS };
  }
}

function late(run: Run, component: string, progress: { since: string }, text: string): StepResult | undefined {
  const { firmwareMs } = run.doors.limits;
  if (run.now - Date.parse(progress.since) <= firmwareMs) return undefined;
  const message = `${component}: no end ${firmwareMs / 1000} s after the update began: ${text}`;
  return { kind: 'failed', code: 'PROVISION_FIRMWARE_FAILED', message };
}

function unsupported(message: string): StepResult {
  return { kind: 'failed', code: 'PROVISION_UNSUPPORTED', message };
}
