import { text } from '../check.ts';
import { Refusal } from '../messages.ts';
import type { Paths } from '../paths.ts';
import type { Personality } from '../personality.ts';
import { type Body, type Call, NO_CONTENT, type Reply, type Route, collection, link, resource } from '../router.ts';
import type { RedfishService } from '../service.ts';
import { BIOS_JOB, jobView, jobsOf, raidJobType } from './dell-job-view.ts';
import { acceptedJob } from './tasks.ts';

const ALL = 'JID_CLEARALL';

/**
 * Dell's job queue: what tasks are views of, and what is left when a task is purged. Clearing it forgets work that waits for
 * the next start. Forms: sushy `oem/dell/resources/manager`.
 */
export function dellJobRoutes(paths: Paths, personality: Personality): Route[] {
  if (!personality.quirks.some((q) => q.kind === 'dell-raid')) return [];
  const jobs = jobsOf(paths);
  const home = queueOf(paths);
  const clear = `${home}/Actions/DellJobService.DeleteJobQueue`;
  return [
    {
      path: jobs,
      get: ({ service }) =>
        collection(
          jobs,
          'DellJobCollection.DellJob',
          'JobQueue',
          service.tasks.jobs().map((job) => `${jobs}/${job.id}`),
        ),
    },
    {
      path: `${jobs}/:job`,
      get: ({ service, params }) => {
        const job = service.tasks.job(params['job'] ?? '');
        return job === undefined ? undefined : jobView(jobs, job);
      },
      noEtag: true,
    },
    {
      path: home,
      get: () =>
        resource(home, 'DellJobService.v1_1_0.DellJobService', 'Job Service', 'DellJobService', {
          Actions: { '#DellJobService.DeleteJobQueue': { target: clear } },
        }),
    },
    { path: clear, post: clearQueue },
  ];
}

function queueOf(paths: Paths): string {
  return `${paths.manager}/Oem/Dell/DellJobService`;
}

/** For the links of the manager. */
export function dellJobLinks(service: RedfishService): Body {
  if (!service.quirks.has('dell-raid')) return {};
  const { paths } = service;
  return { Oem: { Dell: { DellJobService: link(queueOf(paths)), Jobs: link(jobsOf(paths)) } } };
}

/** A job that does `work` in `ms`, or at the next start of the machine when that is undefined. */
export function dellJobOf(service: RedfishService, name: string, ms: number | undefined, work: () => void): Reply {
  const job = service.tasks.start(name);
  job.record.jobType = raidJobType(ms !== undefined);
  const run = () => {
    if (job.record.endedAt !== undefined) return;
    work();
    job.done('Job completed successfully.');
  };
  if (ms === undefined) {
    job.pend('Task successfully scheduled.');
    service.atNextBoot(run);
  } else service.later(ms, run);
  return acceptedJob(service, job);
}

function clearQueue({ service, body }: Call): Reply {
  const id = text(body, 'JobID');
  const found = service.tasks.jobs().filter((job) => id === ALL || job.id === id);
  if (id !== ALL && found.length === 0) throw new Refusal(400, 'ResourceMissingAtURI', [id.slice(0, 200)]);
  for (const job of found) {
    if (job.jobType === BIOS_JOB && job.endedAt === undefined) service.bios.pending = {};
    service.tasks.cancel(job);
  }
  return NO_CONTENT;
}
