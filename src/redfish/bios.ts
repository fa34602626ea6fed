import { errorText } from '../core/errors.ts';
import type { Json, JsonObject, Resource } from './calls.ts';
import { redfishErrors, refusalOf } from './errors.ts';
import { actionAt, flagAt, linkAt, numberAt, objectAt, objectsAt, textAt, textsAt } from './json.ts';
import { type ServiceDoors, firstTaken, membersAt } from './service-doors.ts';

export type BiosValue = string | number | boolean | null;

export interface BiosAttribute {
  name: string;
  type?: 'Enumeration' | 'String' | 'Integer' | 'Boolean' | 'Password';
  allowableValues?: readonly string[];
  lowerBound?: number;
  upperBound?: number;
  minLength?: number;
  maxLength?: number;
  readOnly?: boolean;
  unique?: boolean;
}

export interface BiosState {
  attributes: Readonly<Record<string, BiosValue>>;
  pending: Readonly<Record<string, BiosValue>>;
  messages: readonly string[];
}

const SETTINGS = '@Redfish.Settings';
const APPLY_TIME = '@Redfish.SettingsApplyTime';

/** BIOS attributes and their registry (DSP2046, Bios schema; DSP0266 §9.10 settings resources). */
export class Bios {
  readonly #doors: ServiceDoors;

  constructor(doors: ServiceDoors) {
    this.#doors = doors;
  }

  async state(signal: AbortSignal): Promise<BiosState> {
    const bios = await this.#bios(signal);
    const settings = await this.#settings(bios, signal);
    const attributes = valuesOf(bios.body['Attributes']);
    return {
      attributes,
      pending: settings === undefined ? {} : differences(attributes, valuesOf(settings.body['Attributes'])),
      messages: objectsAt(bios.body, SETTINGS, 'Messages').map(
        (m) => textAt(m, 'Message') ?? textAt(m, 'MessageId') ?? '',
      ),
    };
  }

  /** Empty when the BMC names no registry or does not have it. Language `en` first. */
  async registry(signal: AbortSignal): Promise<BiosAttribute[]> {
    const name = textAt((await this.#bios(signal)).body, 'AttributeRegistry');
    if (name === undefined) return [];
    const root = await this.#doors.calls.get('/redfish/v1/', signal);
    for (const link of await membersAt(this.#doors, linkAt(root.body, 'Registries'), signal)) {
      if (!namesRegistry(link.body, name)) continue;
      const uri = locationOf(link.body);
      const file = uri === undefined ? undefined : await this.#doors.calls.find(uri, signal);
      if (file !== undefined) return objectsAt(file.body, 'RegistryEntries', 'Attributes').flatMap(readAttribute);
    }
    return [];
  }

  /**
   * Stages changes and looks where they have gone.
   * @returns `done` when they are in force already, `pending` when they wait for a restart
   * @throws REDFISH_NOT_APPLIED when they are found in neither place
   */
  async set(changes: Readonly<Record<string, BiosValue>>, signal: AbortSignal): Promise<'done' | 'pending'> {
    const bios = await this.#bios(signal);
    const settings = await this.#settings(bios, signal);
    const target = settings ?? bios;
    const written = await firstTaken(
      bodies(bios, target, changes),
      (body) =>
        this.#doors.calls.patch(target.path, body, signal, target.etag === undefined ? {} : { etag: target.etag }),
      // Some stage without being told when, and refuse to be told (Lenovo).
      (error) => refusalOf(error)?.status === 400,
    );
    const now = await this.state(signal);
    if (includes(now.attributes, changes)) return 'done';
    if (includes({ ...now.attributes, ...now.pending }, changes)) return 'pending';
    // A job that runs at the next start is the only trace some leave (iDRAC).
    if (written.task !== undefined) {
      const task = await this.#doors.calls.task(written.task, signal);
      if (task.kind === 'running') return 'pending';
      if (task.kind === 'failed') {
        throw redfishErrors.make('REDFISH_TASK_FAILED', `BIOS settings: ${task.messages.join('; ')}`);
      }
    }
    const missing = Object.keys(changes).filter((name) => now.attributes[name] !== changes[name]);
    throw redfishErrors.make('REDFISH_NOT_APPLIED', `BIOS settings are not read back: ${missing.join(', ')}`, {
      seen: { messages: now.messages },
    });
  }

  async reset(signal: AbortSignal): Promise<void> {
    const bios = await this.#bios(signal);
    const target = actionAt(bios.body, '#Bios.ResetBios');
    if (target === undefined) throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the BMC cannot reset the BIOS settings');
    // An empty object, not nothing: Dell wants a body.
    await this.#doors.calls.post(target, {}, signal, { repeatable: true });
  }

  async #bios(signal: AbortSignal): Promise<Resource> {
    const link = linkAt((await this.#doors.system(signal)).body, 'Bios');
    const bios = link === undefined ? undefined : await this.#doors.calls.find(link, signal);
    if (bios === undefined) throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the BMC does not show BIOS settings');
    return bios;
  }

  async #settings(bios: Resource, signal: AbortSignal): Promise<Resource | undefined> {
    const link = linkAt(bios.body, SETTINGS, 'SettingsObject');
    if (link === undefined) return undefined;
    try {
      return await this.#doors.calls.find(link, signal);
    } catch (error) {
      // Readable only once something is staged, on some.
      if (refusalOf(error) === undefined) throw error;
      this.#doors.log.debug('BIOS settings object not readable', { why: errorText(error) });
      return { path: link, body: {} };
    }
  }
}

/**
 * With an apply time where one is advertised, beside the link to the settings object (DSP0266 §9.10) or in it: an iDRAC
 * that is not told when to apply what it stages makes no job of it and keeps it for ever.
 */
function bodies(bios: Resource, target: Resource, changes: Readonly<Record<string, BiosValue>>): JsonObject[] {
  const plain = { Attributes: changes };
  const supported = textsAt(bios.body, SETTINGS, 'SupportedApplyTimes');
  const times = textsAt(target.body, APPLY_TIME, 'ApplyTime@Redfish.AllowableValues');
  const inTarget = objectAt(target.body, APPLY_TIME) !== undefined && (times.length === 0 || times.includes('OnReset'));
  const advertised = supported.includes('OnReset') || inTarget;
  return advertised ? [{ ...plain, [APPLY_TIME]: { ApplyTime: 'OnReset' } }, plain] : [plain];
}

function valuesOf(attributes: Json | undefined): Record<string, BiosValue> {
  const values: Record<string, BiosValue> = Object.create(null) as Record<string, BiosValue>;
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || typeof value !== 'object') values[name] = value as BiosValue;
  }
  return values;
}

/** Settings objects hold either only what waits, or everything: what waits is what differs. */
function differences(
  now: Readonly<Record<string, BiosValue>>,
  wanted: Readonly<Record<string, BiosValue>>,
): Record<string, BiosValue> {
  return Object.fromEntries(Object.entries(wanted).filter(([name, value]) => now[name] !== value && value !== null));
}

function includes(all: Readonly<Record<string, BiosValue>>, some: Readonly<Record<string, BiosValue>>): boolean {
  return Object.entries(some).every(([name, value]) => all[name] === value);
}

function namesRegistry(body: JsonObject, name: string): boolean {
  return [textAt(body, 'Registry'), textAt(body, 'Id')].includes(name);
}

function locationOf(body: JsonObject): string | undefined {
  const locations = objectsAt(body, 'Location');
  const english = locations.find((l) => /^en(-US)?$/i.test(textAt(l, 'Language') ?? ''));
  return textAt(english ?? locations[0], 'Uri');
}

const TYPES = ['Enumeration', 'String', 'Integer', 'Boolean', 'Password'] as const;

function readAttribute(entry: JsonObject): BiosAttribute[] {
  const name = textAt(entry, 'AttributeName');
  if (name === undefined) return [];
  const type = TYPES.find((t) => t === textAt(entry, 'Type'));
  const values = objectsAt(entry, 'Value').map((v) => textAt(v, 'ValueName'));
  const known = values.filter((v) => v !== undefined);
  const readOnly = flagAt(entry, 'ReadOnly');
  const unique = flagAt(entry, 'IsSystemUniqueProperty');
  const bounds = {
    lowerBound: numberAt(entry, 'LowerBound'),
    upperBound: numberAt(entry, 'UpperBound'),
    minLength: numberAt(entry, 'MinLength'),
    maxLength: numberAt(entry, 'MaxLength'),
  };
  return [
    {
      name,
      ...(type === undefined ? {} : { type }),
      ...(known.length === 0 ? {} : { allowableValues: known }),
      ...withoutHoles(bounds),
      ...(readOnly === undefined ? {} : { readOnly }),
      ...(unique === undefined ? {} : { unique }),
    },
  ];
}

function withoutHoles(bounds: Record<string, number | undefined>): Record<string, number> {
  return Object.fromEntries(Object.entries(bounds).filter((pair): pair is [string, number] => pair[1] !== undefined));
}
