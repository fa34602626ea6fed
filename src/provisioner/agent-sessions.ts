import { createHash } from 'node:crypto';
import type { RegisterReply, RegisterRequest, ResultMessage } from '../agent-protocol/messages.ts';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { AgentStatus, HostProgressStatus } from '../api/hostprogress.ts';
import { type ObjectKey, keyOf, keyText } from '../api/meta.ts';
import type { ProgressBook } from '../boot/progress-book.ts';
import type { Timeline } from '../boot/timeline.ts';
import { type AgentTokens, claimedHost } from '../boot/tokens.ts';
import { type Clock, kubeTime } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { isMac, normalizeMac } from '../wire/mac.ts';
import { provisionerErrors } from './errors.ts';
import { RateMeter } from './rate.ts';
import type { HostWakeup } from './provisioner.ts';
import type { TaskBoard } from './task-board.ts';

/** lastSeen is stored at most this often; in between it is only in memory. */
const SEEN_STORE_MS = 15_000;

export interface AgentDoors {
  book: ProgressBook;
  timeline: Timeline;
  tokens: AgentTokens;
  board: TaskBoard;
  clock: Clock;
  log: Logger;
  /** 128 random bits as text. */
  nonce: () => string;
  wake: HostWakeup;
}

/** Who is registered, who is alive, and what agents report. The HTTP side is `server/agent-api.ts`. */
export class AgentSessions {
  readonly #doors: AgentDoors;
  readonly #startedMs: number;
  readonly #rates = new RateMeter();
  readonly #seen = new Map<string, { nowMs: number; storedMs: number }>();

  constructor(doors: AgentDoors) {
    this.#doors = doors;
    this.#startedMs = doors.clock.now();
  }

  /**
   * Takes a machine's registration, once per token. When the answer was lost the same boot of the same machine may ask
   * again, until it has used its session.
   * @param ip where the request came from; `serverAddress` where it was received
   * @throws AGENT_TOKEN_REFUSED
   */
  async register(request: RegisterRequest, ip: string, serverAddress: string): Promise<RegisterReply> {
    const { book, tokens, clock, timeline, wake } = this.#doors;
    const bootMac = isMac(request.bootMac) ? normalizeMac(request.bootMac) : '';
    const { host, byMedia } = this.#hostOf(request.token, bootMac);
    const key = keyOf(host);
    const subject = { hostUid: host.metadata.uid ?? '', attempt: book.status(key).attempt ?? 0 };
    const right = byMedia
      ? tokens.checkMediaToken(request.token, key, subject)
      : tokens.checkBootToken(request.token, subject, bootMac);
    if (!right) {
      timeline.add(key, { source: 'agent', kind: 'agent-refused', text: `refused an agent from ${ip}: wrong token` });
      throw refused('the token is not the one of the current attempt');
    }
    const agent: AgentStatus = {
      attempt: subject.attempt,
      registeredAt: kubeTime(clock.now()),
      lastSeen: kubeTime(clock.now()),
      nonce: this.#doors.nonce(),
      ...(bootMac === '' ? {} : { bootMac }),
      ip,
      firmware: request.firmware,
      serverAddress,
      ...(request.smbios.uuid === undefined ? {} : { smbiosUuid: request.smbios.uuid }),
      ...(request.bootId === undefined ? {} : { bootIdDigest: digestOf(request.bootId) }),
    };
    let { nonce } = agent;
    await book.update(key, (status) => {
      const again = isAnswerLost(status, agent);
      nonce = again && status.agent !== undefined ? status.agent.nonce : agent.nonce;
      return again ? undefined : this.#admit(key, status, agent, ip);
    });
    this.#seen.set(keyText(key), { nowMs: clock.now(), storedMs: clock.now() });
    if (nonce === agent.nonce) {
      timeline.add(key, { source: 'agent', kind: 'agent-registered', text: registeredText(request, ip) });
      wake(key);
    }
    return {
      sessionKey: tokens.sessionKey(key, subject, nonce),
      serverTimeMs: clock.now(),
      host: { ...key, uid: subject.hostUid },
      attempt: subject.attempt,
    };
  }

  /** The token of an ISO says whose it is, for nobody may know the machine's addresses; that of a script does not. */
  #hostOf(token: string, bootMac: string): { host: BareMetalHost; byMedia: boolean } {
    const { hosts } = this.#doors.book;
    const claimed = claimedHost(token);
    if (claimed !== undefined) {
      const host = hosts.get(keyText(claimed));
      if (host === undefined) throw refused('the token is not the one of the current attempt');
      return { host, byMedia: true };
    }
    const owner = hosts.byMac(bootMac);
    if (owner.kind !== 'host') throw refused(`no host boots from ${bootMac === '' ? 'that address' : bootMac}`);
    return { host: owner.host, byMedia: false };
  }

  /** Decided inside the durable update, so that two requests with one token cannot both win. */
  #admit(key: ObjectKey, status: HostProgressStatus, agent: AgentStatus, ip: string) {
    const reason =
      status.attempt !== agent.attempt || status.boot?.intent !== 'ramdisk'
        ? 'this boot is not awaited any more'
        : status.agent?.attempt === agent.attempt
          ? 'the token was used before'
          : undefined;
    if (reason === undefined) return { agent, ramdiskBoot: undefined, wait: undefined };
    this.#doors.timeline.add(key, {
      source: 'agent',
      kind: 'agent-refused',
      text: `refused an agent from ${ip}: ${reason}`,
    });
    throw refused(reason);
  }

  /** The host whose agent holds this session key; notes that it was seen. @throws AGENT_SESSION_INVALID */
  authenticate(sessionKey: string): ObjectKey {
    const { book, tokens } = this.#doors;
    const key = claimedHost(sessionKey);
    const host = key === undefined ? undefined : book.hosts.get(keyText(key));
    const agent = key === undefined ? undefined : book.status(key).agent;
    if (key === undefined || host === undefined || agent === undefined) throw sessionOver();
    const subject = { hostUid: host.metadata.uid ?? '', attempt: agent.attempt };
    if (!tokens.checkSessionKey(sessionKey, key, subject, agent.nonce)) throw sessionOver();
    this.#touch(key, agent);
    return key;
  }

  /** How long ago the agent of the current attempt was heard, ms; undefined when there is no such agent. */
  silentMs(key: ObjectKey): number | undefined {
    const status = this.#doors.book.status(key);
    const agent = status.agent;
    if (agent === undefined || agent.attempt !== status.attempt || status.boot?.intent !== 'ramdisk') return undefined;
    const seen = this.#seen.get(keyText(key))?.nowMs ?? 0;
    // An engine that has just started has heard nobody yet: it must not take that for their silence.
    const last = Math.max(seen, Date.parse(agent.lastSeen), this.#startedMs);
    return Math.max(0, this.#doors.clock.now() - last);
  }

  /** Progress figures of a running task. @returns cancel: the task is not wanted any more */
  progress(key: ObjectKey, taskId: string, step: string, bytesDone?: number, bytesTotal?: number): boolean {
    const { book, clock } = this.#doors;
    const status = book.status(key);
    if (status.task?.id !== taskId || status.task.finishedAt !== undefined) return true;
    const figures = this.#rates.take(keyText(key), { atMs: clock.monotonic(), taskId, step, bytesDone, bytesTotal });
    book.note(key, figures);
    return false;
  }

  /**
   * A task's result; the same one may come again.
   * @throws AGENT_RESULT_INVALID for the result of another kind of task
   */
  async result(key: ObjectKey, message: ResultMessage): Promise<void> {
    const { book, board, clock, timeline, wake } = this.#doors;
    const task = book.status(key).task;
    if (task?.id !== message.taskId || task.finishedAt !== undefined) return;
    if (message.ok && message.result.kind !== task.kind) {
      const text = `the agent answered “${task.kind}” with a result of “${message.result.kind}”`;
      throw provisionerErrors.make('AGENT_RESULT_INVALID', text);
    }
    if (message.ok) board.answered(key, message.taskId, message.result);
    const finishedAt = kubeTime(clock.now());
    await book.update(key, (status) => {
      if (status.task?.id !== message.taskId) return undefined;
      return message.ok
        ? { task: { ...status.task, state: 'succeeded', finishedAt } }
        : { task: { ...status.task, state: 'failed', finishedAt, error: message.error } };
    });
    // Not before it is stored: a pass in between would offer the task again, and it would be done twice.
    board.withdraw(key, message.taskId);
    const text = message.ok ? `task ${task.kind} done` : `task ${task.kind} failed: ${message.error.message}`;
    timeline.add(key, { source: 'agent', kind: message.ok ? 'task-done' : 'task-failed', text });
    wake(key);
  }

  forget(key: ObjectKey): void {
    this.#seen.delete(keyText(key));
    this.#rates.forget(keyText(key));
  }

  #touch(key: ObjectKey, agent: AgentStatus): void {
    const nowMs = this.#doors.clock.now();
    const storedMs = this.#seen.get(keyText(key))?.storedMs ?? 0;
    // Whoever uses the session has had the answer: from now on nobody may ask for it again.
    const store = nowMs - storedMs >= SEEN_STORE_MS || agent.bootIdDigest !== undefined;
    this.#seen.set(keyText(key), { nowMs, storedMs: store ? nowMs : storedMs });
    if (store) this.#store(key, agent.nonce, nowMs);
  }

  /** Not a note: a session that was replaced meanwhile must not come back. A lost stamp is stored with the next. */
  #store(key: ObjectKey, nonce: string, nowMs: number): void {
    const { book, log } = this.#doors;
    const lastSeen = kubeTime(nowMs);
    book
      .update(key, ({ agent }) => (agent?.nonce === nonce ? { agent: used(agent, lastSeen) } : undefined))
      .catch((error: unknown) => log.debug('lastSeen not stored', { host: keyText(key), error: errorText(error) }));
  }
}

function used(agent: AgentStatus, lastSeen: string): AgentStatus {
  const { bootIdDigest: _, ...rest } = agent;
  return { ...rest, lastSeen };
}

/** The same boot of the same machine, whose session nobody has used yet. */
function isAnswerLost({ agent, attempt, boot }: HostProgressStatus, asking: AgentStatus): boolean {
  return (
    boot?.intent === 'ramdisk' &&
    attempt === asking.attempt &&
    agent?.attempt === asking.attempt &&
    agent.bootMac === asking.bootMac &&
    agent.bootIdDigest !== undefined &&
    agent.bootIdDigest === asking.bootIdDigest
  );
}

/** Objects are read by more people than may know what lets a machine in. */
function digestOf(bootId: string): string {
  return createHash('sha256').update(bootId).digest('base64url');
}

function registeredText(request: RegisterRequest, ip: string): string {
  const made = [request.smbios.manufacturer, request.smbios.product].filter((t) => t !== undefined).join(' ');
  return `agent ${request.agentVersion} registered from ${ip}${made === '' ? '' : ` (${made})`}, ${request.firmware}, up ${Math.round(request.uptimeSeconds)} s`;
}

function refused(reason: string): Error {
  return provisionerErrors.make('AGENT_TOKEN_REFUSED', `registration refused: ${reason}`);
}

function sessionOver(): Error {
  return provisionerErrors.make('AGENT_SESSION_INVALID', 'this session is not known or is over');
}
