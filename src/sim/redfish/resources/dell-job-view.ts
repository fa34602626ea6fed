import type { Paths } from '../paths.ts';
import { type Body, resource } from '../router.ts';
import type { RedfishService } from '../service.ts';
import { type TaskRecord, taskTime } from '../state/tasks.ts';

/** Dell's names of RAID jobs that run at once and of those that run at the next start. */
export function raidJobType(realTime: boolean): string {
  return realTime ? 'RealTimeNoRebootConfiguration' : 'RAIDConfiguration';
}

export const BIOS_JOB = 'BIOSConfiguration';

/** Is the RAID controller being configured, or waiting for it? */
export function raidJobRuns(service: RedfishService): boolean {
  const types = [raidJobType(true), raidJobType(false)];
  return service.tasks.jobs().some((job) => job.endedAt === undefined && types.includes(job.jobType ?? ''));
}

export function jobsOf(paths: Paths): string {
  return `${paths.manager}/Jobs`;
}

/** For the view of a task: the job behind it. */
export function dellJobBehind(service: RedfishService, job: TaskRecord): Body {
  if (!service.quirks.has('dell-raid')) return {};
  return { Oem: { Dell: jobView(jobsOf(service.paths), job) } };
}

/** The task's state in Dell's words. */
function jobState(job: TaskRecord): string {
  if (job.state === 'Pending') return 'Scheduled';
  return job.state === 'Exception' ? 'Failed' : job.state;
}

export function jobView(jobs: string, job: TaskRecord): Body {
  return resource(`${jobs}/${job.id}`, 'DellJob.v1_1_0.DellJob', job.id, job.name, {
    JobState: jobState(job),
    JobType: job.jobType ?? 'Unknown',
    Message: job.messages.at(-1) ?? '',
    PercentComplete: job.percent,
    StartTime: taskTime(job.startedAt),
    CompletionTime: job.endedAt === undefined ? null : taskTime(job.endedAt),
  });
}
