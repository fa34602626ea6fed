import { readFile } from 'node:fs/promises';
import { hostname, machine, networkInterfaces } from 'node:os';
import { RAMDISK_FILES, type RegisterReply, type TaskMessage } from '../agent-protocol/messages.ts';
import { systemClock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import { exec } from '../core/exec.ts';
import type { Logger } from '../core/log.ts';
import { type AgentConfig, parseCmdline } from './cmdline.ts';
import { agentErrors } from './errors.ts';
import { type MachineDoors, registerRequest } from './inspect/inspect.ts';
import { systemTree } from './inspect/tree.ts';
import { LogBuffer, agentLogger, consoleSink } from './log.ts';
import { shipLogs, shipOnce } from './log-shipper.ts';
import { configureNetwork } from './network/configure.ts';
import { ServerClient } from './net/server-client.ts';
import { endMachine } from './power.ts';
import { loadSession, saveSession } from './saved-session.ts';
import { type SessionDoors, register, serveTasks } from './session.ts';
import { runTask } from './task-runner.ts';
import { taskHandler } from './tasks.ts';

/** Set by the bundler. */
declare const INGOT_AGENT_VERSION: string;

const SESSION_FILE = '/run/ingot/session.json';
/** Exit codes that /init knows. */
const EXIT_FAILED = 1;
/** Starting again would change nothing: the server does not want this boot. */
const EXIT_UNWANTED = 3;

const buffer = new LogBuffer(systemClock);
const log = agentLogger(systemClock, [consoleSink((text) => process.stderr.write(text)), buffer.sink]);

async function main(): Promise<number> {
  const config = parseCmdline(await bootArguments());
  const client = new ServerClient({ server: config.server, fingerprint: config.fingerprint, clock: systemClock });
  const stop = new AbortController();
  const doors = { server: client, clock: systemClock, random: Math.random, log, signal: stop.signal };
  const machineDoors: MachineDoors = {
    tree: systemTree(),
    addresses: networkInterfaces,
    hostname,
    arch: machine(),
    clock: systemClock,
  };
  await configureNetwork({ ...machineDoors, log });
  const session = await openSession(doors, machineDoors, config);
  client.sessionKey = session.sessionKey;
  await setClock(session.serverTimeMs, log);
  const clockOffset = session.serverTimeMs - systemClock.now();
  const sendLogs = client.logs.bind(client);
  const shipping = shipLogs(buffer, sendLogs, systemClock, stop.signal);
  const handler = taskHandler({
    ...machineDoors,
    bootMac: config.bootMac,
    fetch: client.fetch.bind(client),
    manifest: client.manifest.bind(client),
    random: Math.random,
  });
  const runner = {
    clock: systemClock,
    log,
    handler,
    sendProgress: client.progress.bind(client),
    serverNow: () => systemClock.now() + clockOffset,
  };
  const acknowledged = async (task: TaskMessage) => {
    if (task.kind !== 'power') return;
    log.info(`${task.action} as told by the server`);
    await shipOnce(buffer, sendLogs, stop.signal);
    await endMachine(task.action);
  };
  try {
    await serveTasks(doors, (task) => runTask(task, runner, stop.signal), acknowledged);
    return 0;
  } finally {
    stop.abort();
    await shipping;
    client.close();
  }
}

/** What a medium says comes last and wins: its machine may be started with an old command line, never with an old medium. */
async function bootArguments(): Promise<string> {
  const medium = await readFile(RAMDISK_FILES.arguments, 'utf8').catch(() => '');
  return `${await readFile('/proc/cmdline', 'utf8')} ${medium}`;
}

/** The session of this boot: the one an earlier start of the agent left, else a new one. */
async function openSession(
  doors: SessionDoors,
  machineDoors: MachineDoors,
  config: AgentConfig,
): Promise<RegisterReply> {
  const saved = await loadSession(SESSION_FILE);
  if (saved !== undefined) {
    log.warn('the agent was started again; going on with its session');
    return { ...saved, serverTimeMs: systemClock.now() };
  }
  log.info('registering', { server: config.server, version: INGOT_AGENT_VERSION, bootMac: config.bootMac });
  const boot = { token: config.token, bootMac: config.bootMac, agentVersion: INGOT_AGENT_VERSION };
  const session = await register(doors, () => registerRequest(machineDoors, boot));
  await saveSession(SESSION_FILE, session);
  const { host, attempt } = session;
  const seconds = (await readFile('/proc/uptime', 'utf8')).split(' ')[0];
  log.info(`registered as host ${host.namespace}/${host.name}`, { attempt, secondsSinceKernelStart: seconds });
  return session;
}

/** The machine's clock may be years off; logs and certificates need it right. */
async function setClock(serverTimeMs: number, log: Logger): Promise<void> {
  const offBySeconds = Math.round((serverTimeMs - systemClock.now()) / 1000);
  if (Math.abs(offBySeconds) < 2) return;
  try {
    await exec('date', ['-u', '-s', `@${Math.round(serverTimeMs / 1000)}`]);
    log.info('clock set to the server’s', { wasOffBySeconds: -offBySeconds });
  } catch (error) {
    log.warn(`the clock could not be set: ${errorText(error)}`);
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    log.error(errorText(error));
    const unwanted = agentErrors.is(error, 'AGENT_REFUSED') || agentErrors.is(error, 'AGENT_SESSION_OVER');
    const hopeless = agentErrors.is(error, 'AGENT_CMDLINE') || agentErrors.is(error, 'AGENT_TLS_FINGERPRINT');
    process.exit(unwanted || hopeless ? EXIT_UNWANTED : EXIT_FAILED);
  },
);
