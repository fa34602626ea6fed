import type { TaskMessage, TaskResult } from '../agent-protocol/messages.ts';
import { unreachable } from '../core/errors.ts';
import { cleanDisks } from './clean/clean-disks.ts';
import { runFinish } from './finish/finish-task.ts';
import { type MachineDoors, inspectMachine, settledDisks } from './inspect/inspect.ts';
import { readFirmwareMode } from './inspect/system.ts';
import type { Tree } from './inspect/tree.ts';
import type { TaskContext, TaskHandler } from './task-runner.ts';
import { type AskTaskManifest, type Fetch, runWrite } from './write-task.ts';

export interface TaskDoors extends MachineDoors {
  bootMac: string | undefined;
  fetch: Fetch;
  manifest: AskTaskManifest;
  random: () => number;
}

/** What every kind of task does. Power tasks act after their result is acknowledged, so here they only say yes. */
export function taskHandler(doors: TaskDoors): TaskHandler {
  return async (task: TaskMessage, context: TaskContext): Promise<TaskResult> => {
    const disks = () => settledDisks(doors, context.signal);
    switch (task.kind) {
      case 'inspect':
        context.report({ step: 'reading hardware' });
        return inspectMachine(doors, doors.bootMac, context.signal);
      case 'clean':
        return cleanDisks(await disks(), { partitions: (disk) => partitionNodes(doors.tree, disk) }, context);
      case 'write':
        return runWrite(task.id, task.write, await disks(), doors, context);
      case 'finish':
        return runFinish(
          task.finish,
          await disks(),
          { clock: doors.clock, firmware: () => readFirmwareMode(doors.tree) },
          context,
        );
      case 'power':
        return { kind: 'power' };
      default:
        return unreachable(task);
    }
  };
}

/** Partitions the kernel knows of a disk: folders of its sysfs folder that have a `partition` file. */
export async function partitionNodes(tree: Tree, disk: string): Promise<string[]> {
  const dir = `/sys/block/${disk.slice('/dev/'.length)}`;
  const nodes: string[] = [];
  for (const name of await tree.list(dir)) {
    if ((await tree.bytes(`${dir}/${name}/partition`)) !== undefined) nodes.push(`/dev/${name}`);
  }
  return nodes;
}
