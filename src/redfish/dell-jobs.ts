import { sleep } from '../core/clock.ts';
import type { Resource, TaskHandle } from './calls.ts';
import { redfishErrors } from './errors.ts';
import { actionAt, linkAt, textAt } from './json.ts';
import { type ServiceDoors, managerOf, membersAt } from './service-doors.ts';

/** All jobs that are not at work just now; the other one also restarts what handles them, and takes minutes. */
const CLEAR_ALL = 'JID_CLEARALL';
const CLEAR_ALL_BY_FORCE = 'JID_CLEARALL_FORCE';
const LOOKS = 30;
const LOOK_MS = 2000;
const ENDED = /^(Completed.*|Failed|Reboot(Completed|Failed))$/i;

/** Where the job behind a task of iDRAC is looked for once the task is purged, which older firmware does within a minute. */
export function jobsBehind({ task, monitor }: TaskHandle): readonly string[] {
  const id = [task, monitor]
    .map((path) => /\/(JID_\w+)\/?$/.exec(path ?? '')?.[1])
    .find((found) => found !== undefined);
  if (id === undefined) return [];
  const manager = '/redfish/v1/Managers/iDRAC.Embedded.1';
  return [`${manager}/Jobs/${id}`, `${manager}/Oem/Dell/Jobs/${id}`];
}

/**
 * Forgets the jobs of an iDRAC that have not ended: one that hangs, or that waits for a start that never came, stands in
 * the way of all that follow (Ironic `clear_job_queue`).
 * @returns their number; undefined: this BMC has no such queue
 * @throws REDFISH_NOT_APPLIED when they stay
 */
export async function clearJobs(doors: ServiceDoors, signal: AbortSignal): Promise<number | undefined> {
  const manager = await managerOf(doors, signal);
  const link = linkAt(manager.body, 'Links', 'Oem', 'Dell', 'DellJobService');
  const service = link === undefined ? undefined : await doors.calls.find(link, signal);
  const target = actionAt(service?.body, '#DellJobService.DeleteJobQueue');
  if (target === undefined) return undefined;
  const before = await openJobs(doors, manager, signal);
  if (before.length === 0) return 0;
  for (const JobID of [CLEAR_ALL, CLEAR_ALL_BY_FORCE]) {
    await doors.calls.post(target, { JobID }, signal, { repeatable: true });
    for (let look = 1; look <= LOOKS; look++) {
      if ((await openJobs(doors, manager, signal)).length === 0) return before.length;
      await sleep(doors.clock, LOOK_MS, signal);
    }
  }
  const left = (await openJobs(doors, manager, signal)).map((job) => textAt(job.body, 'Id') ?? job.path).join(', ');
  throw redfishErrors.make('REDFISH_NOT_APPLIED', `the job queue was cleared, and still holds ${left}`);
}

async function openJobs(doors: ServiceDoors, manager: Resource, signal: AbortSignal): Promise<Resource[]> {
  const link = linkAt(manager.body, 'Links', 'Oem', 'Dell', 'Jobs') ?? `${manager.path}/Jobs`;
  const jobs = await membersAt(doors, link, signal);
  return jobs.filter((job) => !ENDED.test(textAt(job.body, 'JobState') ?? ''));
}
