import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { tftpErrors } from './errors.ts';
import type { TftpEvent, TftpEventBody } from './events.ts';
import { NETASCII_MAX_BYTES, type TftpClient, type TftpFile, type TftpSource, netasciiFile } from './file.ts';
import { TFTP_LIMITS, type TransferLimits, negotiate } from './negotiate.ts';
import { TFTP_ERROR, type TftpPacket, decodePacket, encodePacket, printable } from './packet.ts';
import { cleanPath } from './path.ts';
import { Session } from './session.ts';
import { type UdpSocket, bindUdp } from './udp.ts';

export interface TftpServerOptions {
  /**
   * Address to listen on. Transfers answer from the same one; with `0.0.0.0` the kernel picks it by route, which clients of
   * a machine with several addresses may refuse.
   */
  address: string;
  /** 69, or 0 for a free one. */
  port: number;
  files: TftpSource;
  clock: Clock;
  log: Logger;
  /** Told of everything seen and done; must not throw. */
  observe?: (event: TftpEvent) => void;
  limits?: TransferLimits;
  /** Transfers at the same time; requests beyond are dropped, clients ask again. Default 256. */
  maxTransfers?: number;
  /** The same for one client address. Default 8. */
  maxPerClient?: number;
  /** Aborting closes the server. */
  signal?: AbortSignal;
}

export interface TftpServer {
  readonly port: number;
  /** Transfers under way. */
  readonly transfers: number;
  /** Tells clients under way and stops listening. */
  close(): Promise<void>;
}

type ReadRequest = Extract<TftpPacket, { kind: 'rrq' | 'wrq' }>;

/**
 * A read-only TFTP server (RFC 1350, 2347, 2348, 2349, 7440).
 * @throws TFTP_SOCKET
 */
export async function startTftpServer(options: TftpServerOptions): Promise<TftpServer> {
  const socket = await bindUdp(options.address, options.port);
  const desk = new Desk(options, socket);
  socket.receive((bytes, from) => desk.receive(bytes, { address: from.address, port: from.port }));
  const close = () => {
    desk.close();
    return Promise.resolve();
  };
  if (options.signal?.aborted === true) await close();
  options.signal?.addEventListener('abort', () => void close(), { once: true });
  return {
    port: socket.port,
    get transfers() {
      return desk.size;
    },
    close,
  };
}

interface Slot {
  client: TftpClient;
  request: string;
  session: Session | undefined;
  dropped: boolean;
}

/** Takes requests in and keeps the books of who is being served. */
class Desk {
  readonly #o: TftpServerOptions;
  readonly #socket: UdpSocket;
  readonly #slots = new Map<string, Slot>();
  #closed = false;

  constructor(options: TftpServerOptions, socket: UdpSocket) {
    this.#o = options;
    this.#socket = socket;
  }

  get size(): number {
    return this.#slots.size;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const slot of this.#slots.values()) this.#drop(slot, 'server stops');
    this.#socket.close();
  }

  receive(bytes: Uint8Array, client: TftpClient): void {
    if (this.#closed) return;
    let packet: TftpPacket;
    try {
      packet = decodePacket(bytes);
    } catch (error) {
      this.#o.log.debug('tftp: malformed packet dropped', { client: client.address, reason: errorText(error) });
      return;
    }
    // Anything but a request belongs to a transfer, and those have ports of their own.
    if (packet.kind !== 'rrq' && packet.kind !== 'wrq') return;
    const asked = JSON.stringify([packet.kind, packet.path, packet.mode, [...packet.options]]);
    const key = `${client.address}:${client.port}`;
    const before = this.#slots.get(key);
    // Sent again because our answer is late or lost: the transfer repeats it by its own timer.
    if (before?.request === asked) return;
    if (before !== undefined) this.#drop(before, 'replaced by a new request');
    if (!this.#hasRoom(client)) {
      this.#tell(client, packet.path, { kind: 'refused', reason: 'too many transfers at the same time' });
      return;
    }
    const slot: Slot = { client, request: asked, session: undefined, dropped: false };
    this.#slots.set(key, slot);
    const free = () => {
      if (this.#slots.get(key) === slot) this.#slots.delete(key);
    };
    this.#serve(slot, packet, free).catch((error: unknown) => {
      free();
      this.#refuse(client, packet.path, TFTP_ERROR.undefined, errorText(error), 'internal error');
    });
  }

  async #serve(slot: Slot, request: ReadRequest, free: () => void): Promise<void> {
    const file = await this.#open(slot.client, request);
    const socket = file === undefined || slot.dropped ? undefined : await bindUdp(this.#o.address, 0);
    if (file === undefined || socket === undefined || slot.dropped) {
      socket?.close();
      await file?.close?.();
      free();
      return;
    }
    const { client } = slot;
    slot.session = new Session({
      client,
      file,
      socket,
      terms: negotiate(request.options, file.size, this.#o.limits ?? TFTP_LIMITS),
      clock: this.#o.clock,
      tell: (event) => this.#tell(client, request.path, event),
      ended: free,
    });
    slot.session.start();
  }

  /** The file to serve; when there is none, the client has been told why. */
  async #open(client: TftpClient, request: ReadRequest): Promise<TftpFile | undefined> {
    const no = (code: number, reason: string) => this.#refuse(client, request.path, code, reason, reason);
    if (request.kind === 'wrq') return no(TFTP_ERROR.accessViolation, 'this server is read-only');
    if (request.mode !== 'octet' && request.mode !== 'netascii') {
      return no(TFTP_ERROR.illegalOperation, `mode ${printable(request.mode).slice(0, 20)} is not served`);
    }
    let path: string;
    try {
      path = cleanPath(request.path);
    } catch (error) {
      if (!tftpErrors.is(error)) throw error;
      return no(TFTP_ERROR.accessViolation, 'this path is not served');
    }
    const file = await this.#o.files(path, client);
    if (file === undefined) return no(TFTP_ERROR.notFound, 'file not found');
    if (request.mode === 'octet') return file;
    if (file.size <= NETASCII_MAX_BYTES) return netasciiFile(file);
    await file.close?.();
    return no(TFTP_ERROR.illegalOperation, 'too large for netascii, ask in octet mode');
  }

  #refuse(client: TftpClient, path: string, code: number, reason: string, message: string): undefined {
    void this.#socket.send(encodePacket({ kind: 'error', code, message }), client);
    this.#tell(client, path, { kind: 'refused', reason });
    return undefined;
  }

  #hasRoom(client: TftpClient): boolean {
    if (this.#slots.size >= (this.#o.maxTransfers ?? 256)) return false;
    const same = [...this.#slots.values()].filter((s) => s.client.address === client.address).length;
    return same < (this.#o.maxPerClient ?? 8);
  }

  #drop(slot: Slot, reason: string): void {
    slot.dropped = true;
    slot.session?.stop(reason);
  }

  #tell(client: TftpClient, path: string, event: TftpEventBody): void {
    const file = printable(path).slice(0, 200);
    const { kind, ...fields } = event;
    const level = kind === 'timeout' || kind === 'aborted' || kind === 'refused' ? 'warn' : 'info';
    this.#o.log[level](`tftp: ${kind}`, { client: client.address, file, ...fields });
    this.#o.observe?.({ at: this.#o.clock.now(), client, file, ...event });
  }
}
