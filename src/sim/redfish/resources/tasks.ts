import { Refusal } from '../messages.ts';
import { type Paths, ROOT } from '../paths.ts';
import type { Personality } from '../personality.ts';
import {
  type Body,
  type Call,
  NO_CONTENT,
  OK_HEALTH,
  type Reply,
  type Route,
  collection,
  resource,
} from '../router.ts';
import type { RedfishService } from '../service.ts';
import { type TaskHandle, type TaskRecord, taskTime } from '../state/tasks.ts';
import { dellJobBehind } from './dell-job-view.ts';

/** Tasks and their monitors (DSP0266 §8.7). */
export function taskRoutes(paths: Paths, personality: Personality): Route[] {
  const home = `${ROOT}/TaskService`;
  const suffix = personality.quirks.some((q) => q.kind === 'monitor-suffix');
  return [
    {
      path: home,
      get: ({ service }) =>
        resource(home, 'TaskService.v1_2_0.TaskService', 'TaskService', 'Tasks', {
          DateTime: taskTime(service.clock.now()),
          ServiceEnabled: true,
          CompletedTaskOverWritePolicy: 'Oldest',
          LifeCycleEventOnTaskStateChange: true,
          Status: OK_HEALTH,
          Tasks: { '@odata.id': paths.tasks },
        }),
    },
    {
      path: paths.tasks,
      get: ({ service }) =>
        collection(
          paths.tasks,
          'Task.Task',
          'Tasks',
          service.tasks.list().map((t) => `${paths.tasks}/${t.id}`),
        ),
    },
    {
      path: `${paths.tasks}/:task`,
      get: ({ service, params }) => {
        const task = service.tasks.get(params['task'] ?? '');
        return task === undefined ? undefined : taskView(service, task);
      },
      delete: ({ service, params }) => {
        const id = params['task'] ?? '';
        if (service.tasks.get(id) === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [id]);
        service.tasks.remove(id);
        return NO_CONTENT;
      },
      noEtag: true,
    },
    {
      path: suffix ? `${paths.tasks}/:task/Monitor` : `${home}/TaskMonitors/:task`,
      get: readMonitor,
      noEtag: true,
    },
  ];
}

export function monitorOf(service: RedfishService, id: string): string {
  if (service.quirks.has('monitor-suffix')) return `${service.paths.tasks}/${id}/Monitor`;
  return `${ROOT}/TaskService/TaskMonitors/${id}`;
}

/** 202 with the task, as the personality words it. */
export function acceptedJob(service: RedfishService, job: TaskHandle): Reply {
  const headers = { Location: monitorOf(service, job.record.id), 'Retry-After': '1' };
  if (service.quirks.has('accepted-without-task')) {
    return {
      status: 202,
      headers,
      body: { Accepted: { code: 'Base.v1_4_0.Accepted', Message: 'Successfully Accepted Request.' } },
    };
  }
  return { status: 202, headers, body: taskView(service, job.record) };
}

function readMonitor({ service, params }: Call): Reply | undefined {
  const id = params['task'] ?? '';
  const task = service.tasks.get(id);
  if (task === undefined) return undefined;
  if (task.endedAt === undefined) {
    return {
      status: 202,
      headers: { Location: monitorOf(service, id), 'Retry-After': '1' },
      body: taskView(service, task),
    };
  }
  if (service.quirks.has('monitor-read-deletes-task')) service.tasks.remove(id);
  return { status: 200, body: taskView(service, task) };
}

function taskView(service: RedfishService, task: TaskRecord): Body {
  const bad = task.state === 'Exception';
  return resource(`${service.paths.tasks}/${task.id}`, 'Task.v1_7_3.Task', task.id, task.name, {
    TaskState: task.state,
    TaskStatus: bad ? 'Critical' : 'OK',
    PercentComplete: task.percent,
    StartTime: taskTime(task.startedAt),
    ...(task.endedAt === undefined ? {} : { EndTime: taskTime(task.endedAt) }),
    TaskMonitor: monitorOf(service, task.id),
    ...dellJobBehind(service, task),
    Messages: task.messages.map((text) => ({
      '@odata.type': '#Message.v1_1_1.Message',
      MessageId: bad ? 'Base.1.12.InternalError' : 'Base.1.12.Success',
      Message: text,
      Severity: bad ? 'Critical' : 'OK',
    })),
  });
}
