import type { ManifestReply, ProgressReply, RegisterReply, TaskMessage } from '../../agent-protocol/messages.ts';
import { agentErrors } from '../errors.ts';

/**
 * Checks of what the server sends. The server is trusted (its certificate is pinned); this catches a server of another
 * version before a half-understood task touches a disk. Written by hand: the agent carries no schema library.
 */
type Obj = Record<string, unknown>;

function bad(what: string): Error {
  return agentErrors.make('AGENT_BAD_REPLY', `the server’s message is not understood: ${what}`);
}

function object(value: unknown, what: string): Obj {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw bad(`${what} is not an object`);
  return value as Obj;
}

function text(from: Obj, key: string): string {
  const value = from[key];
  if (typeof value !== 'string' || value === '') throw bad(`${key} is not a text`);
  return value;
}

function count(from: Obj, key: string): number {
  const value = from[key];
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw bad(`${key} is not a number`);
  return value;
}

function optionalText(from: Obj, key: string): Obj {
  return from[key] === undefined || from[key] === null ? {} : { [key]: text(from, key) };
}

/** @throws AGENT_BAD_REPLY */
export function parseRegisterReply(value: unknown): RegisterReply {
  const reply = object(value, 'the reply to register');
  const host = object(reply['host'], 'host');
  return {
    sessionKey: text(reply, 'sessionKey'),
    serverTimeMs: count(reply, 'serverTimeMs'),
    host: { namespace: text(host, 'namespace'), name: text(host, 'name'), uid: text(host, 'uid') },
    attempt: count(reply, 'attempt'),
  };
}

/** @throws AGENT_BAD_REPLY */
export function parseProgressReply(value: unknown): ProgressReply {
  return { cancel: object(value, 'the reply to progress')['cancel'] === true };
}

/** The frames are checked where they are used. @throws AGENT_BAD_REPLY */
export function parseManifestReply(value: unknown): ManifestReply {
  const reply = object(value, 'the reply to manifest');
  const kind = text(reply, 'kind');
  if (kind === 'failed') return { kind, code: text(reply, 'code'), message: text(reply, 'message') };
  const { frames } = reply;
  if (!Array.isArray(frames)) throw bad('frames are not a list');
  const known = { diskBytes: count(reply, 'diskBytes'), frames: frames as unknown[] };
  if (kind === 'growing') return { kind, ...known };
  if (kind === 'complete') return { kind, ...known, digest: text(reply, 'digest') };
  throw bad(`manifest kind ${kind}`);
}

/** @throws AGENT_BAD_REPLY */
export function parseTaskMessage(value: unknown): TaskMessage {
  const task = object(value, 'the task');
  const base = { id: text(task, 'id'), deadlineMs: count(task, 'deadlineMs') };
  const kind = text(task, 'kind');
  switch (kind) {
    case 'inspect':
      return { ...base, kind };
    case 'clean':
      if (object(task['policy'], 'policy')['mode'] !== 'metadata') throw bad('policy.mode is not "metadata"');
      return { ...base, kind, policy: { mode: 'metadata' } };
    case 'write':
      return { ...base, kind, write: writeTask(object(task['write'], 'write')) };
    case 'finish':
      return { ...base, kind, finish: finishTask(object(task['finish'], 'finish')) };
    case 'power': {
      const action = text(task, 'action');
      if (action !== 'reboot' && action !== 'poweroff') throw bad(`action ${action}`);
      return { ...base, kind, action };
    }
    default:
      throw bad(`task kind ${kind}`);
  }
}

type Write = Extract<TaskMessage, { kind: 'write' }>['write'];
type Finish = Extract<TaskMessage, { kind: 'finish' }>['finish'];

function writeTask(from: Obj): Write {
  const base = { target: target(from), framesUrl: text(from, 'framesUrl') };
  if (from['source'] !== undefined) return { ...base, source: text(from, 'source') };
  return { ...base, manifestUrl: text(from, 'manifestUrl'), manifestDigest: text(from, 'manifestDigest') };
}

function finishTask(from: Obj): Finish {
  const bootMode = text(from, 'bootMode');
  if (bootMode !== 'uefi' && bootMode !== 'bios') throw bad(`bootMode ${bootMode}`);
  const drive = from['configDrive'];
  return {
    target: target(from),
    diskBytes: count(from, 'diskBytes'),
    bootMode,
    ...(drive === undefined || drive === null ? {} : { configDrive: files(object(drive, 'configDrive')) }),
  };
}

function target(from: Obj): Write['target'] {
  const pin = object(from['target'], 'target');
  return {
    name: text(pin, 'name'),
    sizeBytes: count(pin, 'sizeBytes'),
    ...optionalText(pin, 'serial'),
    ...optionalText(pin, 'wwn'),
    ...optionalText(pin, 'byPath'),
  };
}

function files(from: Obj): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [path, content] of Object.entries(from)) {
    if (typeof content !== 'string') throw bad(`configDrive file ${path}`);
    out[path] = content;
  }
  return out;
}
