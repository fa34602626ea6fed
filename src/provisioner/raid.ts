import { createHash } from 'node:crypto';
import type { HardwareRaidVolume } from '../api/baremetalhost.ts';
import type { RaidProgress, RaidVolumePlan } from '../api/hostprogress.ts';
import type { StorageControl, StorageController } from '../bmc/capabilities.ts';
import { bmcErrors } from '../bmc/errors.ts';
import { kubeTime } from '../core/clock.ts';
import type { Step } from './operation.ts';
import type { RaidWish } from './provisioner.ts';
import { fulfils, isRaid, planRaid } from './raid-plan.ts';
import { restartMachine } from './restart.ts';
import { type Run, type StepResult, unsupported } from './run.ts';

const POLL_MS = 5000;

/**
 * Must volumes be made? When the spec differs from what was applied, and from then on until they were seen: the status of
 * the host counts them as applied as soon as the work begins (metal3-compat §2.14). Notes it durably.
 */
export async function raidDue(run: Run, wish: RaidWish | undefined): Promise<boolean> {
  const held = run.status.raid;
  const wanted = wish === undefined ? undefined : digestOf(wish.volumes);
  if (wish === undefined || wanted === undefined || (!wish.differs && held?.wanted !== wanted)) {
    if (held !== undefined) await run.update({ raid: undefined });
    return false;
  }
  if (held?.wanted !== wanted) await run.update({ raid: { wanted } });
  return true;
}

/** Plans, deletes what is there, makes what is wanted, looks. Restarts the machine only for what waits for that. */
export function raidSteps(volumes: readonly HardwareRaidVolume[]): Step[] {
  const step = (name: string, text: string, work: Work): Step => ({
    name,
    text,
    agent: false,
    run: (run) => withStorage(run, work),
  });
  return [
    step('raid-plan', 'choosing drives for RAID volumes', (run, storage, signal) =>
      plan(run, volumes, storage, signal),
    ),
    step('raid-delete', 'deleting RAID volumes', remove),
    step('raid-create', 'making RAID volumes', create),
    step('raid-restart', 'waiting for RAID volumes', settle),
    step('raid-verify', 'looking at the RAID volumes', verify),
  ];
}

type Work = (run: Run, storage: StorageControl, signal: AbortSignal) => Promise<StepResult>;

/** Nothing is deleted before it is known that what is wanted can be made. The plan is kept: drives may fail meanwhile. */
async function plan(
  run: Run,
  volumes: readonly HardwareRaidVolume[],
  storage: StorageControl,
  signal: AbortSignal,
): Promise<StepResult> {
  const made = planRaid(volumes, await storage.controllers(signal));
  if (made.kind === 'problem') {
    const message = `spec.raid.hardwareRAIDVolumes: ${made.text}`;
    return { kind: 'failed', code: 'PROVISION_RAID_PLAN', message };
  }
  await run.update({ raid: { wanted: run.status.raid?.wanted ?? '', creates: made.creates } });
  return { kind: 'next' };
}

/** Until all are gone. An order is given once; one that the controller keeps for the next start gets it. */
async function remove(run: Run, storage: StorageControl, signal: AbortSignal): Promise<StepResult> {
  const left = volumesOf(await storage.controllers(signal));
  const ordered = run.status.raid?.ordered ?? [];
  for (const volume of left) {
    if (ordered.includes(volume.id)) continue;
    const result = await unlessOccupied(() => storage.deleteVolume(volume.id, signal));
    if (result === 'occupied') return awaitController(run);
    run.see('bmc', 'raid-deleted', `RAID volume ${volume.name}: ${result === 'done' ? 'deleted' : 'to be deleted'}`);
    await order(run, volume.id);
    return { kind: 'again', ms: 0 };
  }
  if (left.length === 0) {
    await note(run, { ordered: undefined, orderedAt: undefined, restartedAt: undefined });
    return { kind: 'next' };
  }
  return awaitOrdered(run, `RAID volumes are still there: ${left.map((v) => v.name).join(', ')}`);
}

/** What is there already was made before an interruption: nothing older has survived the step before. */
async function create(run: Run, storage: StorageControl, signal: AbortSignal): Promise<StepResult> {
  const missing = missingOf(run, await storage.controllers(signal));
  const { raidOrderMs } = run.doors.limits;
  const { ordered = [], orderedAt } = run.status.raid ?? {};
  // One after the other: a controller that works on one order refuses the next.
  const working = missing.some((v) => ordered.includes(keyOf(v)));
  if (working && run.now - Date.parse(orderedAt ?? '') < raidOrderMs) return { kind: 'again', ms: POLL_MS };
  const volume = missing.find((v) => !ordered.includes(keyOf(v)));
  if (volume === undefined) return { kind: 'next' };
  // All that is on the drives of these controllers is given up by now: the volumes are deleted.
  const result = await unlessOccupied(() => storage.createVolume({ ...volume, clearForeign: true }, signal));
  if (result === 'occupied') return awaitController(run);
  run.see('bmc', 'raid-created', `${nameOf(volume)}: ${result === 'done' ? 'made' : 'to be made'}`);
  await order(run, keyOf(volume));
  return { kind: 'again', ms: 0 };
}

async function settle(run: Run, storage: StorageControl, signal: AbortSignal): Promise<StepResult> {
  const missing = missingOf(run, await storage.controllers(signal));
  if (missing.length === 0) return { kind: 'next' };
  return awaitOrdered(run, `RAID volumes are not there: ${missing.map(nameOf).join(', ')}`);
}

async function verify(run: Run, storage: StorageControl, signal: AbortSignal): Promise<StepResult> {
  const controllers = await storage.controllers(signal);
  const planned = run.status.raid?.creates ?? [];
  const missing = missingOf(run, controllers);
  const foreign = volumesOf(controllers).filter((v) => !planned.some((p) => fulfils(v, p)));
  if (missing.length > 0) return notApplied(`RAID volumes are not there: ${missing.map(nameOf).join(', ')}`);
  if (foreign.length > 0) return notApplied(`unknown RAID volumes: ${foreign.map((v) => v.name).join(', ')}`);
  run.see('bmc', 'raid-applied', planned.length === 0 ? 'no RAID volumes' : planned.map(nameOf).join(', '));
  return { kind: 'next', patch: { raid: undefined } };
}

/** An order that the controller does not take while it has another, possibly one for the next start of the machine. */
async function unlessOccupied(send: () => Promise<'done' | 'pending'>): Promise<'done' | 'pending' | 'occupied'> {
  try {
    return await send();
  } catch (error) {
    if (bmcErrors.is(error, 'BMC_RAID_OCCUPIED')) return 'occupied';
    throw error;
  }
}

/**
 * Time for the job that is there, then a restart for it, once for each order of ours (iDRAC has one job at a time for a
 * controller, and some controllers do all of them at a start).
 */
async function awaitController(run: Run): Promise<StepResult> {
  // A job of somebody else gets the time that one of ours would get.
  if (run.status.raid?.orderedAt === undefined) await note(run, { orderedAt: kubeTime(run.now) });
  return awaitOrdered(run, 'the controller has another job and takes no order');
}

/** First time for a controller that works at once, then one restart, then time for that. */
async function awaitOrdered(run: Run, what: string): Promise<StepResult> {
  const { raidMs, raidOrderMs } = run.doors.limits;
  const { orderedAt, restartedAt } = run.status.raid ?? {};
  if (restartedAt === undefined) {
    if (run.now - Date.parse(orderedAt ?? '') < raidOrderMs) return { kind: 'again', ms: POLL_MS };
    await restartMachine(run);
    await note(run, { restartedAt: kubeTime(run.now) });
    await run.update({ wait: run.wait('the controller to change its RAID volumes', raidMs, 'the console') });
    return { kind: 'again', ms: POLL_MS };
  }
  if (run.now - Date.parse(restartedAt) <= raidMs) return { kind: 'again', ms: POLL_MS };
  return notApplied(`${raidMs / 1000} s after the restart: ${what}`);
}

function volumesOf(controllers: readonly StorageController[]): StorageController['volumes'] {
  return controllers.flatMap((c) => c.volumes).filter(isRaid);
}

function missingOf(run: Run, controllers: readonly StorageController[]): RaidVolumePlan[] {
  const there = volumesOf(controllers);
  return (run.status.raid?.creates ?? []).filter((plan) => !there.some((volume) => fulfils(volume, plan)));
}

async function order(run: Run, key: string): Promise<void> {
  const ordered = [...(run.status.raid?.ordered ?? []), key];
  await note(run, { ordered, orderedAt: kubeTime(run.now), restartedAt: undefined });
}

async function note(run: Run, change: { [K in keyof RaidProgress]?: RaidProgress[K] | undefined }): Promise<void> {
  const merged = { wanted: '', ...run.status.raid, ...change };
  const kept = Object.entries(merged).filter(([, value]) => value !== undefined);
  await run.update({ raid: Object.fromEntries(kept) as unknown as RaidProgress });
}

/** A drive is in one volume only. */
function keyOf(volume: RaidVolumePlan): string {
  return volume.drives[0] ?? volume.controller;
}

function nameOf({ name, level, drives }: RaidVolumePlan): string {
  return `${name === undefined ? '' : `${name}, `}RAID ${level} of ${drives.length} drives`;
}

function notApplied(message: string): StepResult {
  return { kind: 'failed', code: 'PROVISION_RAID_NOT_APPLIED', message };
}

async function withStorage(run: Run, work: Work): Promise<StepResult> {
  return await run.withBmc('the BMC to handle RAID volumes', async ({ storage, address }, signal) => {
    if (storage !== undefined) return await work(run, storage, signal);
    return unsupported(`spec.raid.hardwareRAIDVolumes: BMC ${address} makes no RAID volumes; Redfish BMCs do`);
  });
}

/** The same for the same wish, in whatever order its fields stand. */
function digestOf(volumes: readonly HardwareRaidVolume[]): string {
  const sorted = volumes.map((v) => Object.entries(v).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 16);
}
