import http from 'node:http';
import https from 'node:https';
import {
  AGENT_PATHS,
  type DiskFacts,
  type ManifestReply,
  type TaskMessage,
  type TaskResult,
  type WholeImage,
} from '../../src/agent-protocol/messages.ts';
import { errorCode } from '../../src/core/errors.ts';
import { parseManifest } from './parse-manifest.ts';
import { wipeFile, writeToFile } from './write-to-file.ts';

export interface SimDisk extends DiskFacts {
  /** Digest of the image on it; undefined when wiped or never written. */
  image?: string;
  /** Paths of the config drive. */
  configDrive?: Record<string, string>;
  /** A file that stands for the disk: the real writer writes to it. Without one, frames are only fetched. */
  file?: string;
}

/** As much as a simulated machine looks at of an image. */
interface SimImage {
  digest: string;
  diskBytes: number;
  frames: { kind: string }[];
}

export interface SimHardware {
  mac: string;
  uuid: string;
  firmware: 'uefi' | 'bios';
  disks: SimDisk[];
}

/** Lets a test break things: throw to fail the task, or return a promise that never ends. */
export type TaskHook = (task: TaskMessage) => Promise<void> | void;

export interface Reply {
  status: number;
  body: string;
}

/** One request; certificates are not checked, the test knows its server. */
export function request(
  method: string,
  url: string,
  options: { body?: unknown; bearer?: string; signal?: AbortSignal; range?: string } = {},
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const text = options.body === undefined ? undefined : JSON.stringify(options.body);
  const headers: Record<string, string> = {};
  if (text !== undefined) headers['content-type'] = 'application/json';
  if (options.bearer !== undefined) headers['authorization'] = `Bearer ${options.bearer}`;
  if (options.range !== undefined) headers['range'] = options.range;
  const target = new URL(url);
  const init = { method, headers, agent: false, ...(options.signal === undefined ? {} : { signal: options.signal }) };
  const onReply = (res: http.IncomingMessage) => {
    const chunks: Uint8Array[] = [];
    res.on('data', (c: Uint8Array) => chunks.push(c));
    res.on('error', reject);
    res.on('end', () => resolve({ status: res.statusCode ?? 0, body: Buffer.concat(chunks).toString('latin1') }));
  };
  const req =
    target.protocol === 'https:'
      ? https.request(target, { ...init, rejectUnauthorized: false }, onReply)
      : http.request(target, init, onReply);
  req.on('error', reject);
  req.end(text);
  return promise;
}

/** The agent of a simulated machine: real HTTP to the real server, no hardware behind it. */
export class SimAgent {
  readonly #hardware: SimHardware;
  readonly #hook: TaskHook;
  readonly #signal: AbortSignal;
  sessionKey = '';
  readonly #end: Promise<void>;

  constructor(hardware: SimHardware, hook: TaskHook, signal: AbortSignal) {
    this.#hardware = hardware;
    this.#hook = hook;
    this.#signal = signal;
    this.#end = new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  /** @param script the iPXE script the machine was given */
  async run(script: string): Promise<void> {
    const argument = (name: string) => new RegExp(`${name}=(\\S+)`).exec(script)?.[1] ?? '';
    const server = argument('ingot\\.server');
    const reply = await this.#call('POST', server + AGENT_PATHS.register, {
      token: argument('ingot\\.token'),
      bootMac: this.#hardware.mac,
      agentVersion: 'sim',
      smbios: { uuid: this.#hardware.uuid },
      nics: [{ name: 'eth0', mac: this.#hardware.mac, ips: [] }],
      firmware: this.#hardware.firmware,
      clockMs: 0,
      uptimeSeconds: 3,
    });
    if (reply.status !== 200) throw new Error(`registration refused: ${reply.body}`);
    this.sessionKey = (JSON.parse(reply.body) as { sessionKey: string }).sessionKey;
    while (!this.#signal.aborted) await this.#round(server);
  }

  async #round(server: string): Promise<void> {
    const polled = await this.#call('GET', `${server}${AGENT_PATHS.task}?wait=2`).catch(() => undefined);
    if (polled === undefined || polled.status >= 500) return this.#pause(50);
    if (polled.status === 401) return this.#pause(500);
    if (polled.status !== 200) return;
    const task = JSON.parse(polled.body) as TaskMessage;
    const message = await this.#attempt(server, task);
    if (message === undefined) return;
    while (!this.#signal.aborted) {
      const sent = await this.#call('POST', server + AGENT_PATHS.result, message).catch(() => undefined);
      if (sent !== undefined && sent.status < 500) return;
      await this.#pause(50);
    }
  }

  async #attempt(server: string, task: TaskMessage): Promise<unknown> {
    try {
      await Promise.race([this.#hook(task), this.#end]);
      this.#signal.throwIfAborted();
      const progress = { taskId: task.id, step: `doing ${task.kind}`, bytesDone: 1, bytesTotal: 2 };
      const told = await this.#call('POST', server + AGENT_PATHS.progress, progress);
      if ((JSON.parse(told.body) as { cancel: boolean }).cancel) return undefined;
      return { taskId: task.id, ok: true, result: await this.#do(server, task) };
    } catch (error) {
      this.#signal.throwIfAborted();
      const retry = error instanceof Error && error.message.includes('again');
      const code = errorCode(error) === 'UNKNOWN' ? 'SIM_FAILED' : errorCode(error);
      return { taskId: task.id, ok: false, error: { code, message: String(error), retry } };
    }
  }

  async #do(server: string, task: TaskMessage): Promise<TaskResult> {
    const { disks } = this.#hardware;
    switch (task.kind) {
      case 'inspect':
        return {
          kind: 'inspect',
          hardware: {
            systemVendor: { manufacturer: 'Sim' },
            firmware: { bios: {} },
            cpu: { arch: 'x86_64', count: 1 },
            nics: [{ name: 'eth0', mac: this.#hardware.mac, pxe: true }],
          },
          disks: disks.map(factsOf),
        };
      case 'clean':
        for (const disk of disks) {
          delete disk.image;
          if (disk.file !== undefined) await wipeFile(disk.file);
        }
        return {
          kind: 'clean',
          disks: disks.map((d) => ({ name: d.name, action: 'metadata', verified: true, detail: '' })),
        };
      case 'write':
        return this.#write(server, task);
      case 'finish': {
        const disk = disks.find((d) => d.serial === task.finish.target.serial);
        if (disk !== undefined && task.finish.configDrive !== undefined) disk.configDrive = task.finish.configDrive;
        return {
          kind: 'finish',
          backupGptMoved: true,
          configDrive: 'created',
          boot: { mode: task.finish.bootMode, detail: '' },
        };
      }
      case 'power':
        return { kind: 'power' };
    }
  }

  async #write(server: string, task: Extract<TaskMessage, { kind: 'write' }>): Promise<TaskResult> {
    const { write } = task;
    const disk = this.#hardware.disks.find((d) => d.serial === write.target.serial);
    if (disk === undefined) throw new Error('no such disk');
    if (disk.file !== undefined) {
      const result = await this.#watched(server, task.id, (signal) =>
        writeToFile(
          { ...factsOf(disk), file: disk.file ?? '' },
          task,
          (id, from) => this.#manifest(server, id, from),
          signal,
        ),
      );
      disk.image = result.manifestDigest;
      return result;
    }
    const grown = (signal: AbortSignal) => this.#grown(server, task.id, signal);
    const manifest = 'source' in write ? await this.#watched(server, task.id, grown) : await this.#whole(write);
    let bytesFetched = 0;
    for (const [index, { kind }] of manifest.frames.entries()) {
      if (kind !== 'data') continue;
      const frame = await this.#call('GET', write.framesUrl.replace('{index}', String(index)));
      if (frame.status !== 200) throw new Error(`frame ${index}: ${frame.status}`);
      bytesFetched += frame.body.length;
    }
    disk.image = manifest.digest;
    const frames = manifest.frames.length;
    return {
      kind: 'write',
      framesWritten: frames,
      framesResumed: 0,
      framesZeroed: 0,
      bytesFetched,
      bytesWritten: manifest.diskBytes,
      seconds: 0.1,
      manifestDigest: manifest.digest,
    };
  }

  async #whole(write: WholeImage): Promise<SimImage> {
    const manifest = parseManifest((await this.#call('GET', write.manifestUrl)).body);
    if (manifest.digest !== write.manifestDigest) throw new Error('wrong manifest');
    return manifest;
  }

  /** A growing image when it is whole. */
  async #grown(server: string, taskId: string, signal: AbortSignal): Promise<SimImage> {
    const frames: SimImage['frames'] = [];
    for (;;) {
      signal.throwIfAborted();
      const reply = await this.#manifest(server, taskId, frames.length).catch(() => undefined);
      if (reply === undefined) {
        await this.#pause(50);
        continue;
      }
      if (reply.kind === 'failed') throw new Error(reply.message);
      frames.push(...(reply.frames as SimImage['frames']));
      if (reply.kind === 'complete') return { digest: reply.digest, diskBytes: reply.diskBytes, frames };
    }
  }

  /** What is told of a growing image; as the real client, an error is one that may go away. */
  async #manifest(server: string, taskId: string, from: number): Promise<ManifestReply> {
    const reply = await this.#call('GET', `${server}${AGENT_PATHS.manifest}?task=${taskId}&from=${from}&wait=2`);
    if (reply.status !== 200) throw new Error(`manifest: ${reply.status}`);
    return JSON.parse(reply.body) as ManifestReply;
  }

  /** Long work that the server may call off. */
  async #watched<T>(server: string, taskId: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const cancelled = new AbortController();
    const beat = setInterval(() => {
      this.#call('POST', server + AGENT_PATHS.progress, { taskId, step: 'writing image' })
        .then(({ status, body }) => {
          if (status === 200 && (JSON.parse(body) as { cancel: boolean }).cancel)
            cancelled.abort(new Error('called off'));
        })
        .catch(() => {});
    }, 500);
    try {
      return await work(AbortSignal.any([this.#signal, cancelled.signal]));
    } finally {
      clearInterval(beat);
    }
  }

  #call(method: string, url: string, body?: unknown): Promise<Reply> {
    return request(method, url, {
      ...(body === undefined ? {} : { body }),
      ...(this.sessionKey === '' ? {} : { bearer: this.sessionKey }),
      signal: this.#signal,
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }
}

function factsOf(disk: SimDisk): DiskFacts {
  const facts = { ...disk };
  delete facts.image;
  delete facts.configDrive;
  delete facts.file;
  return facts;
}
