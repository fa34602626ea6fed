import type {
  JsonObject,
  RedfishCalls,
  Resource,
  TaskHandle,
  TaskState,
  WriteOptions,
  Written,
} from '../../src/redfish/calls.ts';
import { redfishErrors } from '../../src/redfish/errors.ts';
import { linksAt } from '../../src/redfish/json.ts';

export type Body = Record<string, unknown>;
type Handler = (body: JsonObject | undefined) => Written | Promise<Written> | void;

/** A BMC as a folder of resources and handlers of writes; `log` keeps every write. */
export class FakeCalls implements RedfishCalls {
  readonly resources = new Map<string, Body>();
  readonly log: string[] = [];
  readonly tasks = new Map<string, TaskState[]>();
  readonly #handlers = new Map<string, Handler>();

  constructor(resources: Record<string, Body> = {}) {
    for (const [path, body] of Object.entries(resources)) this.resources.set(path, body);
  }

  /** A collection with its members. */
  collection(path: string, members: Record<string, Body>): this {
    const links = Object.keys(members).map((name) => ({ '@odata.id': `${path}/${name}` }));
    this.resources.set(path, { Members: links });
    for (const [name, body] of Object.entries(members)) this.resources.set(`${path}/${name}`, body);
    return this;
  }

  on(method: 'PATCH' | 'POST' | 'DELETE', path: string, handler: Handler): this {
    this.#handlers.set(`${method} ${path}`, handler);
    return this;
  }

  async get(path: string): Promise<Resource> {
    const found = await this.find(path);
    if (found === undefined) throw redfishErrors.make('REDFISH_NOT_FOUND', `no ${path}`);
    return found;
  }

  async find(path: string): Promise<Resource | undefined> {
    const body = this.resources.get(path);
    // A copy: what was read does not change behind the reader's back.
    return Promise.resolve(body === undefined ? undefined : { path, body: structuredClone(body) as JsonObject });
  }

  async members(path: string): Promise<Resource[]> {
    const { body } = await this.get(path);
    return Promise.all(linksAt(body, 'Members').map((link) => this.get(link)));
  }

  patch(path: string, body: JsonObject, _signal: AbortSignal, _options?: WriteOptions): Promise<Written> {
    return this.#write('PATCH', path, body, () => void Object.assign(this.resources.get(path) ?? {}, body));
  }

  post(path: string, body: JsonObject | undefined): Promise<Written> {
    return this.#write('POST', path, body, () => {
      throw refused(404, 'Base.ActionNotSupported');
    });
  }

  async upload(path: string, upload: { contentType: string; bytes: number; data: AsyncIterable<Uint8Array> }) {
    const { contentType, bytes } = upload;
    const chunks: Uint8Array[] = [];
    for await (const chunk of upload.data) chunks.push(chunk);
    const sent = Buffer.concat(chunks).toString('latin1');
    return this.#write('POST', path, { contentType, bytes, sent }, () => {
      throw refused(404, 'Base.ActionNotSupported');
    });
  }

  delete(path: string): Promise<Written> {
    return this.#write('DELETE', path, undefined, () => void this.resources.delete(path));
  }

  task(handle: TaskHandle): Promise<TaskState> {
    const states = this.tasks.get(handle.task ?? handle.monitor ?? '') ?? [];
    const state = (states.length > 1 ? states.shift() : states[0]) ?? { kind: 'gone', state: '', messages: [] };
    return Promise.resolve(state);
  }

  async follow(handle: TaskHandle): Promise<TaskState> {
    for (;;) {
      const state = await this.task(handle);
      if (state.kind === 'failed') throw redfishErrors.make('REDFISH_TASK_FAILED', state.messages.join('; '));
      if (state.kind !== 'running') return state;
    }
  }

  async #write(method: string, path: string, body: JsonObject | undefined, usual: Handler): Promise<Written> {
    this.log.push(`${method} ${path}${body === undefined ? '' : ` ${JSON.stringify(body)}`}`);
    const handler = this.#handlers.get(`${method} ${path}`) ?? usual;
    return (await handler(body)) ?? { status: 204 };
  }
}

/** A BMC's no. */
export function refused(status: number, ...messageIds: string[]): Error {
  return redfishErrors.make('REDFISH_REFUSED', `answered ${status} ${messageIds.join(' ')}`, {
    seen: { status, messageIds, texts: [] },
  });
}
