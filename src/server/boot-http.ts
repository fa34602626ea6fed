import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { keyOf } from '../api/meta.ts';
import type { ObjectKey } from '../api/meta.ts';
import { bootErrors } from '../boot/errors.ts';
import type { ProgressBook } from '../boot/progress-book.ts';
import { type ScriptServer, scriptFor, scriptScope } from '../boot/script-for.ts';
import { renderScript } from '../boot/scripts.ts';
import type { Timeline } from '../boot/timeline.ts';
import type { SignedQuery, UrlSigner } from '../boot/url-signing.ts';
import { type Clock, kubeTime } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { urlHost } from '../core/url-host.ts';
import type { ImageManifest } from '../image/manifest-types.ts';
import type { Astray } from '../provisioner/astray.ts';
import type { AgentSessions } from '../provisioner/agent-sessions.ts';
import { isMac, normalizeMac } from '../wire/mac.ts';
import type { BootFiles } from './boot-files.ts';
import type { ByteCounter } from './byte-counter.ts';
import { FILE_METHODS, sendFile } from './static-file.ts';

/** Prepared images, to be read. `image/cache.ts` through the composition. */
export interface ImageFrames {
  manifest(digest: string): Promise<ImageManifest | undefined>;
  /** The zstd bytes of a data frame, by the image's digest or, while it may still be prepared, its source. */
  frame(name: string, index: number): Promise<Uint8Array | undefined>;
}

export interface BootHttpDoors {
  book: ProgressBook;
  timeline: Timeline;
  sessions: AgentSessions;
  signer: UrlSigner;
  files: BootFiles;
  images: ImageFrames;
  clock: Clock;
  bytes: ByteCounter;
  astray: Astray;
  /** What is the same in all scripts; addresses come from the request. */
  script: Omit<ScriptServer, 'httpBase' | 'agentServer' | 'nowMs'> & { agentPort: number };
  /** Told of each script: the machine has just started. */
  scriptSent?: (key: ObjectKey) => void;
  /** The host that was last seen at this address, for the timeline. */
  hostAt: (ip: string) => ObjectKey | undefined;
  /** Undefined: machines come with signed URLs only, which our own DHCP server gives. */
  entry?: EntryDoors | undefined;
}

/** The unsigned entry; only there when another DHCP server points machines here. */
export interface EntryDoors {
  log: Logger;
  /** Told which machine has which address: nobody else learns it here. */
  seen: (ip: string, mac: string) => void;
}

/** A machine that is in its firmware cannot be polling: an agent silent for this long has been rebooted. */
export const REBOOTED_MS = 12_000;

interface Signed {
  Querystring: SignedQuery;
}

/**
 * Routes for machines that run none of our code yet. Everything is signed, but for loaders, which are public programs,
 * and the entry, where it is open.
 */
export function bootRoutes(app: FastifyInstance, doors: BootHttpDoors): void {
  const { signer, clock, files, bytes } = doors;
  const verify = (request: { query: SignedQuery }, scope: string) => signer.verify(request.query, scope, clock.now());

  app.route<{ Params: { name: string } }>({
    method: FILE_METHODS,
    url: '/loader/:name',
    handler: async (request, reply) => {
      const path = files.loader(request.params.name);
      if (path === undefined) return reply.code(404).send('no such loader\n');
      if (request.method === 'GET') see(doors, request, 'http-loader', `${request.params.name} sent by HTTP`);
      return sendFile(request, reply, path);
    },
  });

  app.get<Signed & { Params: { mac: string } }>('/boot/:mac/script.ipxe', async (request, reply) => {
    const text = request.params.mac;
    if (!isMac(text)) throw bootErrors.make('BOOT_URL_INVALID', 'not a MAC address');
    const mac = normalizeMac(text);
    verify(request, scriptScope(mac));
    return sendScript(doors, request, reply, mac);
  });

  app.route<Signed & { Params: { file: string } }>({
    method: FILE_METHODS,
    url: '/ramdisk/:file',
    handler: async (request, reply) => {
      verify(request, 'ramdisk');
      const { file } = request.params;
      if (file !== 'vmlinuz' && file !== 'ramdisk.zst') return reply.code(404).send('no such file\n');
      const name = file === 'vmlinuz' ? 'kernel' : 'ramdisk';
      see(doors, request, `http-${name}`, `${name} asked for by HTTP`);
      return sendFile(request, reply, files[name], (count) => bytes.add('ramdisk', count));
    },
  });

  app.get<Signed & { Params: { digest: string } }>('/image/:digest/manifest', async (request, reply) => {
    const { digest } = request.params;
    verify(request, `image/${digest}`);
    return sendManifest(reply, await doors.images.manifest(digest));
  });

  app.get<Signed & { Params: { name: string; index: string } }>(
    '/image/:name/frames/:index',
    async (request, reply) => {
      const { name, index } = request.params;
      verify(request, `image/${name}`);
      const frame = /^\d{1,9}$/.test(index) ? await doors.images.frame(name, Number(index)) : undefined;
      // By its source an image comes to be, also once more after the engine was started anew: asking again is right.
      const missing = name.startsWith('source:') ? 503 : 404;
      if (frame === undefined) return reply.code(missing).send('no such frame\n');
      bytes.add('image', frame.length);
      return reply.type('application/zstd').send(frame);
    },
  );
}

function sendManifest(reply: FastifyReply, manifest: ImageManifest | undefined): FastifyReply {
  return manifest === undefined ? reply.code(404).send('no such image\n') : reply.send(manifest);
}

/** The script for what is planned now; an agent that was at work on this machine is over. */
export async function sendScript(
  doors: BootHttpDoors,
  request: FastifyRequest,
  reply: FastifyReply,
  mac: string,
): Promise<FastifyReply> {
  return reply.type('text/plain').send(await script(doors, request, mac));
}

async function script(doors: BootHttpDoors, request: FastifyRequest, mac: string): Promise<string> {
  const { book, timeline, clock } = doors;
  const owner = book.hosts.byMac(mac);
  if (owner.kind !== 'host') throw bootErrors.make('BOOT_URL_INVALID', `no host boots from ${mac}`);
  const key = keyOf(owner.host);
  await renewAttempt(doors, key);
  const address = localAddress(request);
  const status = book.status(key);
  const made = scriptFor(owner.host, mac, status, {
    ...doors.script,
    httpBase: `http://${urlHost(address)}:${request.socket.localPort}`,
    agentServer: `https://${urlHost(address)}:${doors.script.agentPort}`,
    nowMs: clock.now(),
  });
  timeline.add(key, { source: 'http', kind: 'http-script', text: `iPXE script sent: ${made.kind}` });
  doors.scriptSent?.(key);
  if (made.kind === 'disk') doors.astray.add(key);
  return renderScript(made);
}

/**
 * The machine has rebooted by itself while its agent was wanted: it gets a new attempt, the old session ends. Looked at
 * again inside the durable update: meanwhile the host may have gone on, or a second request have done the same.
 */
async function renewAttempt(doors: BootHttpDoors, key: ObjectKey): Promise<void> {
  const silent = doors.sessions.silentMs(key);
  const nonce = doors.book.status(key).agent?.nonce;
  if (silent === undefined || silent < REBOOTED_MS) return;
  let renewed = false;
  await doors.book.update(key, (status) => {
    renewed = status.agent !== undefined && status.agent.nonce === nonce && status.boot?.intent === 'ramdisk';
    if (!renewed) return undefined;
    return {
      attempt: (status.attempt ?? 0) + 1,
      agent: undefined,
      ramdiskBoot: { step: 'wait-agent', since: kubeTime(doors.clock.now()) },
      // Counts as one of the boots that the operation may use: a ramdisk that crashes must not do so for ever.
      ...(status.operation === undefined
        ? {}
        : { operation: { ...status.operation, boots: status.operation.boots + 1 } }),
    };
  });
  if (!renewed) return;
  const text = 'the machine rebooted by itself and boots the ramdisk again';
  doors.timeline.add(key, { source: 'agent', kind: 'agent-rebooted', text });
}

function see(doors: BootHttpDoors, request: FastifyRequest, kind: string, text: string): void {
  const key = doors.hostAt(plainAddress(request.ip));
  if (key !== undefined) doors.timeline.add(key, { source: 'http', kind, text });
}

/** The address the machine reached us at. */
export function localAddress(request: FastifyRequest): string {
  return plainAddress(request.socket.localAddress ?? '127.0.0.1');
}

/** IPv4 clients of a dual-stack socket show up as `::ffff:10.77.0.100`. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
