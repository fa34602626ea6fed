/** What the services of `redfish/` need of a connection; `client.ts` is the real one, tests script their own. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** One resource as it was read. */
export interface Resource {
  /** Path on the BMC, `/redfish/v1/Systems/1`. */
  path: string;
  /** As the BMC wrote it, quotes and `W/` included. */
  etag?: string;
  body: JsonObject;
}

export interface Written {
  /** HTTP status, 200 to 204. */
  status: number;
  /** Path of what was made, or of the task's monitor (202). */
  location?: string;
  /** Undefined when the answer has none or it is no JSON. */
  body?: JsonObject;
  /** Undefined unless the BMC goes on working after its answer. */
  task?: TaskHandle;
  /** As given in `Retry-After`, ms. */
  retryAfterMs?: number;
}

export interface TaskHandle {
  /** Path of the Task, where the BMC names one. Preferred: reading a monitor may end it. */
  task?: string;
  monitor?: string;
}

export interface TaskState {
  kind: 'running' | 'done' | 'failed' | 'gone';
  /** TaskState as the BMC writes it. */
  state: string;
  percent?: number;
  messages: readonly string[];
  /** Of a finished monitor: the answer of the original request. */
  body?: JsonObject;
  /** When the BMC wants to be asked again, ms. */
  retryAfterMs?: number;
}

export interface WriteOptions {
  /** May it be sent again when its answer is lost? Default: PATCH and DELETE yes, POST no. */
  repeatable?: boolean;
  /** The resource as read, for If-Match. */
  etag?: string;
}

/**
 * One Redfish service. Paths are those of the BMC and stay on it: a link to another host is refused. All throw
 * REDFISH_* of `errors.ts` (REDFISH_REFUSED carries status, MessageIds and texts in `seen`), or the signal's reason.
 */
export interface RedfishCalls {
  get(path: string, signal: AbortSignal): Promise<Resource>;
  /** Undefined for 404 and 405. */
  find(path: string, signal: AbortSignal): Promise<Resource | undefined>;
  /** All members of a collection, its further pages (`Members@odata.nextLink`) and expanded members included. */
  members(path: string, signal: AbortSignal): Promise<Resource[]>;
  patch(path: string, body: JsonObject, signal: AbortSignal, options?: WriteOptions): Promise<Written>;
  post(path: string, body: JsonObject | undefined, signal: AbortSignal, options?: WriteOptions): Promise<Written>;
  delete(path: string, signal: AbortSignal): Promise<Written>;
  /**
   * POSTs bytes, their number in Content-Length. Never repeated; read something first, so that a lost session is
   * renewed before.
   * @param upload `contentType` like `multipart/form-data; boundary=…`
   */
  upload(
    path: string,
    upload: { contentType: string; bytes: number; data: AsyncIterable<Uint8Array> },
    signal: AbortSignal,
  ): Promise<Written>;
  /** One look at a task. */
  task(handle: TaskHandle, signal: AbortSignal): Promise<TaskState>;
  /** Polls until the task has ended. @throws REDFISH_TASK_FAILED */
  follow(handle: TaskHandle, signal: AbortSignal, onState?: (state: TaskState) => void): Promise<TaskState>;
}
