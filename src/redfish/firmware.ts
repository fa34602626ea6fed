import { randomUUID } from 'node:crypto';
import type { JsonObject, Resource, TaskHandle, TaskState } from './calls.ts';
import { redfishErrors, refusalOf } from './errors.ts';
import { pushImage } from './firmware-push.ts';
import { actionAt, flagAt, linkAt, linksAt, objectAt, objectsAt, textAt, textsAt } from './json.ts';
import { type ServiceDoors, firstTaken, managerOf, membersIfAny, rootService } from './service-doors.ts';

export interface FirmwareComponent {
  component: string;
  name: string;
  version: string;
  updateable: boolean;
  target: string;
}

export type UpdateState =
  | { kind: 'running'; percent?: number; text: string }
  | { kind: 'needs-restart'; text: string }
  | { kind: 'done'; text: string }
  | { kind: 'failed'; text: string };

/** What must be known of a running update after a restart of ours. */
interface Handle extends TaskHandle {
  component: string;
  /** Version before, to see the update by where no task tells of it. */
  from: string;
}

/** Firmware inventory and updates (DSP2046, UpdateService schema). */
export class Firmware {
  readonly #doors: ServiceDoors;

  constructor(doors: ServiceDoors) {
    this.#doors = doors;
  }

  /** BIOS and BMC as the System and the Manager name them, network cards, and whatever else the inventory lists. */
  async components(signal: AbortSignal): Promise<FirmwareComponent[]> {
    const service = await rootService(this.#doors, 'UpdateService', signal);
    const system = await this.#doors.system(signal);
    const manager = await managerOf(this.#doors, signal);
    const inventory = await membersIfAny(this.#doors, linkAt(service.body, 'FirmwareInventory'), signal);
    const found: FirmwareComponent[] = [];
    const used = new Set<string>();
    const add = (component: string, name: string, version: string | undefined, item: Resource | undefined) => {
      if (version === undefined) return;
      if (item !== undefined) used.add(item.path);
      const updateable = flagAt(item?.body, 'Updateable') ?? true;
      found.push({ component, name, version, updateable, target: item?.path ?? '' });
    };
    add(
      'bios',
      'BIOS',
      textAt(system.body, 'BiosVersion'),
      inventory.find((i) => concerns(i, system.path, /bios|system rom|uefi/i)),
    );
    add(
      'bmc',
      'BMC',
      textAt(manager.body, 'FirmwareVersion'),
      inventory.find((i) => concerns(i, manager.path, /\b(bmc|idrac|ilo|xcc|irmc)\b/i)),
    );
    for (const adapter of await this.#adapters(system, signal)) {
      const id = textAt(adapter.body, 'Id') ?? adapter.path;
      const [controller] = objectsAt(adapter.body, 'Controllers');
      const item = inventory.find((i) => relates(i, adapter.path));
      add(`nic:${id}`, textAt(adapter.body, 'Model') ?? id, textAt(controller, 'FirmwarePackageVersion'), item);
    }
    for (const item of inventory) {
      if (used.has(item.path)) continue;
      const id = textAt(item.body, 'Id') ?? item.path;
      add(id, textAt(item.body, 'Name') ?? id, textAt(item.body, 'Version'), item);
    }
    return found;
  }

  /**
   * Lets the BMC fetch an image and flash it (SimpleUpdate).
   * @returns a handle for `state`, which holds no secret
   */
  async start(update: { component: string; url: string }, signal: AbortSignal): Promise<string> {
    const service = await rootService(this.#doors, 'UpdateService', signal);
    const target = actionAt(service.body, '#UpdateService.SimpleUpdate');
    if (target === undefined) {
      throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the BMC does not fetch firmware images (no SimpleUpdate)');
    }
    const component = await this.#component(update.component, signal);
    const system = await this.#doors.system(signal);
    const forms = simpleUpdateForms(service, update.url, component.target, system.path);
    const written = await firstTaken(
      forms,
      (form) => this.#doors.calls.post(target, form, signal),
      (error) => [400, 404, 422].includes(refusalOf(error)?.status ?? 0),
    );
    return encodeHandle({ component: update.component, from: component.version }, written.task);
  }

  /**
   * Sends the image itself, exactly once: an answer that got lost says so, and is no reason to send it again.
   * @param update `component` undefined: the image says what it is for; `bytes`: as many as `data` gives
   * @returns a handle for `state`
   * @throws REDFISH_UNSUPPORTED, REDFISH_BUSY, REDFISH_UPLOAD_CHANGED, REDFISH_UNCERTAIN
   */
  async push(
    update: { component: string | undefined; name: string; bytes: number; data: AsyncIterable<Uint8Array> },
    signal: AbortSignal,
  ): Promise<string> {
    const { name, bytes, data } = update;
    const component = update.component === undefined ? undefined : await this.#component(update.component, signal);
    const target = component === undefined ? undefined : await this.#target(component, signal);
    const boundary = `ingot-${randomUUID()}`;
    const written = await pushImage(this.#doors, { name, bytes, data, target }, boundary, signal);
    return encodeHandle({ component: update.component ?? 'image', from: component?.version ?? '' }, written.task);
  }

  /** One look. A BMC that does not answer is restarting with its new firmware. */
  async state(handle: string, signal: AbortSignal): Promise<UpdateState> {
    const { component, from, ...task } = decodeHandle(handle);
    try {
      if (task.task !== undefined || task.monitor !== undefined) {
        const state = await this.#doors.calls.task(task, signal);
        if (state.kind !== 'gone') return updateState(state);
      }
      return await this.#byVersion(component, from, signal);
    } catch (error) {
      const silent = ['REDFISH_UNREACHABLE', 'REDFISH_TIMEOUT', 'REDFISH_BUSY'] as const;
      if (!silent.some((code) => redfishErrors.is(error, code))) throw error;
      return { kind: 'running', text: 'the BMC does not answer: it may be restarting' };
    }
  }

  async #component(name: string, signal: AbortSignal): Promise<FirmwareComponent> {
    const components = await this.components(signal);
    const component = components.find((c) => c.component === name);
    if (component !== undefined) return component;
    const known = components.map((c) => c.component).join(', ');
    throw redfishErrors.make('REDFISH_UNSUPPORTED', `no firmware component "${name}"; there are ${known}`);
  }

  /** A BMC without an inventory of its firmware goes by the things that the firmware is of. */
  async #target({ component, target }: FirmwareComponent, signal: AbortSignal): Promise<string | undefined> {
    if (target !== '') return target;
    if (component === 'bmc') return (await managerOf(this.#doors, signal)).path;
    return component === 'bios' ? (await this.#doors.system(signal)).path : undefined;
  }

  async #byVersion(component: string, from: string, signal: AbortSignal): Promise<UpdateState> {
    if (from === '') return { kind: 'running', text: 'the BMC shows no task: see its firmware versions' };
    const now = (await this.components(signal)).find((c) => c.component === component)?.version;
    if (now !== undefined && now !== from) return { kind: 'done', text: `${component} is at ${now}, was ${from}` };
    return { kind: 'running', text: `${component} is still at ${from}, and the BMC shows no task` };
  }

  async #adapters(system: Resource, signal: AbortSignal): Promise<Resource[]> {
    const adapters: Resource[] = [];
    for (const link of linksAt(system.body, 'Links', 'Chassis')) {
      const chassis = await this.#doors.calls.find(link, signal);
      // HPE answers 400 here until an OS has run once.
      adapters.push(...(await membersIfAny(this.#doors, linkAt(chassis?.body, 'NetworkAdapters'), signal)));
    }
    return adapters;
  }
}

/** From what the standard asks to what single BMCs need. */
function simpleUpdateForms(service: Resource, url: string, target: string, system: string): JsonObject[] {
  const action = objectAt(service.body, 'Actions', '#UpdateService.SimpleUpdate');
  const protocol = url.startsWith('https:') ? 'HTTPS' : 'HTTP';
  const allowed = textsAt(action, 'TransferProtocol@Redfish.AllowableValues');
  if (allowed.length > 0 && !allowed.includes(protocol)) {
    throw redfishErrors.make(
      'REDFISH_UNSUPPORTED',
      `the BMC fetches firmware by ${allowed.join(', ')} only, not ${protocol}`,
    );
  }
  const plain = { ImageURI: url, TransferProtocol: protocol };
  return [
    plain,
    { ImageURI: url },
    ...(target === '' ? [] : [{ ...plain, Targets: [target] }]),
    { ...plain, Targets: [system] },
  ];
}

/** iDRAC says no more than "Task successfully scheduled.", which it is until somebody restarts the machine. */
const AT_START = /re(boot|start|set)|next (boot|start|power)|successfully scheduled/i;

/** What the state of a task means for an update. */
export function updateState(task: TaskState): UpdateState {
  const text = [task.state, ...task.messages].filter((t) => t !== '').join(': ');
  switch (task.kind) {
    case 'done':
      return { kind: 'done', text };
    case 'failed':
      return { kind: 'failed', text };
    case 'gone':
      return { kind: 'running', text: 'the BMC no longer knows the task' };
    case 'running': {
      // Staged, and waiting for the machine to restart.
      const waits = /^(Pending|New|Scheduled|Suspended)$/i.test(task.state);
      if (waits && task.messages.some((m) => AT_START.test(m))) return { kind: 'needs-restart', text };
      return { kind: 'running', text, ...(task.percent === undefined ? {} : { percent: task.percent }) };
    }
  }
}

export function encodeHandle(handle: Omit<Handle, 'task' | 'monitor'>, task: TaskHandle | undefined): string {
  return JSON.stringify({ ...handle, ...task });
}

/** @throws REDFISH_MALFORMED for anything that `start` has not made */
export function decodeHandle(text: string): Handle {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const component = textAt(value, 'component');
  if (component === undefined) throw redfishErrors.make('REDFISH_MALFORMED', 'this is no handle of a firmware update');
  const task = textAt(value, 'task');
  const monitor = textAt(value, 'monitor');
  return {
    component,
    from: textAt(value, 'from') ?? '',
    ...(task === undefined ? {} : { task }),
    ...(monitor === undefined ? {} : { monitor }),
  };
}

function concerns(item: Resource, path: string, name: RegExp): boolean {
  if (relates(item, path)) return true;
  const texts = [textAt(item.body, 'Id'), textAt(item.body, 'Name'), textAt(item.body, 'SoftwareId')];
  return texts.some((text) => text !== undefined && name.test(text));
}

function relates(item: Resource, path: string): boolean {
  return linksAt(item.body, 'RelatedItem').some((link) =>
    [path, `${path}/`, `${path}/Bios`, `${path}/BIOS`].includes(link),
  );
}
