import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, type Socket, isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';
import { BurstGuard } from '../../core/burst-guard.ts';
import { type Timer, sleep } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import { simErrors } from '../errors.ts';
import { type Answer, type Request, answer } from './answer.ts';
import type { RedfishFaults } from './faults.ts';
import { OVERTAKEN_MS, RestartCounter } from '../faults.ts';
import { Refusal } from './messages.ts';
import type { Router } from './router.ts';
import { routerOf } from './routes.ts';
import { RedfishService, type ServiceOptions } from './service.ts';
import { type BmcCertificate, selfSigned } from './tls.ts';

export interface RedfishBmcOptions extends ServiceOptions {
  /** Local address to listen on. */
  address: string;
  /** 0 picks a free one. */
  port: number;
  /** Default: what the personality says; plain http where it does not mind. `true`: a self-signed certificate. */
  tls?: boolean;
  faults?: RedfishFaults;
  /** Decides whom the faults meet. */
  random: () => number;
}

export interface RedfishSimulator {
  readonly port: number;
  /** `http://127.0.0.1:8000`, `https://[::1]:8000` */
  readonly url: string;
  readonly service: RedfishService;
  /** May be changed at any time. */
  readonly faults: RedfishFaults;
  /** Requests answered since the start. */
  readonly requests: number;
  /** The BMC restarts: connections cut, refused for `restartMs`, sessions gone, the machine untouched. */
  restart(): void;
  /** The machine is not closed with it. */
  close(): Promise<void>;
}

const MAX_JSON = 1 << 20;
const MAX_PUSH = 64 << 20;

/**
 * A Redfish BMC in front of a machine.
 * @throws SIM_LISTEN_FAILED, EXEC_FAILED when a certificate cannot be made
 */
export async function startRedfishBmc(options: RedfishBmcOptions): Promise<RedfishSimulator> {
  const service = new RedfishService(options);
  const tls = options.tls ?? service.quirks.has('https-only');
  const certificate = tls ? await selfSigned(options.address) : undefined;
  const bmc = new Simulator(options, service, certificate);
  await bmc.listen(options.port);
  return bmc;
}

/** How the system behind a simulator is written in `spec.bmc.address`. */
export function redfishAddressOf(redfish: RedfishSimulator): string {
  const scheme = redfish.url.startsWith('https:') ? 'redfish' : 'redfish+http';
  return `${redfish.url.replace(/^https?/, scheme)}${redfish.service.paths.system}`;
}

class Simulator implements RedfishSimulator {
  readonly service: RedfishService;
  readonly faults: RedfishFaults;
  readonly #address: string;
  readonly #router: Router;
  readonly #server: Server;
  readonly #secure: boolean;
  readonly #random: () => number;
  readonly #burst = new BurstGuard();
  readonly #restarts: RestartCounter;
  readonly #sockets = new Set<Socket | Duplex>();
  #port = 0;
  #requests = 0;
  #comeback: Timer | undefined;
  #closed = false;

  constructor(options: RedfishBmcOptions, service: RedfishService, certificate: BmcCertificate | undefined) {
    this.service = service;
    this.faults = options.faults ?? {};
    this.#random = options.random;
    this.#restarts = new RestartCounter(this.faults);
    this.#address = options.address;
    this.#router = routerOf(options.personality);
    this.#secure = certificate !== undefined;
    const handle = (request: IncomingMessage, response: ServerResponse) => void this.#handle(request, response);
    this.#server =
      certificate === undefined
        ? createServer(handle)
        : createTlsServer({ cert: certificate.certPem, key: certificate.keyPem }, handle);
    this.#server.on(certificate === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => garbled(error, socket));
    service.address = options.address;
    service.certificatePem = certificate?.certPem;
    service.restart = () => this.restart();
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    const host = isIPv6(this.#address) ? `[${this.#address}]` : this.#address;
    return `${this.#secure ? 'https' : 'http'}://${host}:${this.#port}`;
  }

  get requests(): number {
    return this.#requests;
  }

  /** @throws SIM_LISTEN_FAILED */
  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const fail = (cause: Error) =>
        reject(
          simErrors.make('SIM_LISTEN_FAILED', `cannot listen on ${this.#address}:${port}: ${cause.message}`, { cause }),
        );
      this.#server.once('error', fail);
      this.#server.listen(port, this.#address, () => {
        this.#server.off('error', fail);
        resolve();
      });
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  restart(): void {
    if (this.#comeback !== undefined || this.#closed) return;
    this.service.log.debug('the BMC restarts', { ms: this.service.restartMs });
    this.service.sessions.clear();
    this.#server.close();
    this.#cut();
    const awayMs = this.faults.restartMs ?? this.service.restartMs;
    this.#comeback = this.service.clock.timer(awayMs, () => void this.#comeBack(), true);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#comeback?.cancel();
    this.service.close();
    const ended = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#cut();
    await ended;
  }

  async #comeBack(): Promise<void> {
    this.#comeback = undefined;
    if (this.#closed) return;
    try {
      await this.listen(this.#port);
    } catch (error) {
      this.service.log.warn('the BMC does not come back', { error: errorText(error) });
    }
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { service, faults } = this;
    this.#requests++;
    const method = incoming.method ?? 'GET';
    const target = incoming.url ?? '/';
    try {
      const body = await readBody(incoming);
      const { clock } = service;
      if (this.#chance(faults.loss)) {
        this.#reset(response);
        return;
      }
      const slow = service.quirks.find('slow');
      const usual = slow === undefined ? 0 : method === 'GET' || method === 'HEAD' ? slow.readMs : slow.writeMs;
      const frozen = faults.burst === undefined ? 0 : this.#burst.hit(clock.monotonic(), faults.burst);
      const overtaken = this.#chance(faults.reordered) ? OVERTAKEN_MS : 0;
      const wait = usual + frozen + overtaken + (faults.delayMs ?? 0);
      if (wait > 0) await sleep(clock, wait);
      const request = { method, target, headers: incoming.headers, body };
      const result = await this.#answer(request);
      if (this.#chance(faults.duplicates)) await this.#answer(request);
      if (this.#goesDown(request, result)) {
        this.restart();
        return;
      }
      if (this.#chance(faults.loss)) this.#reset(response);
      else this.#send(response, result);
    } catch (error) {
      // The client is gone, or sent more than there is room for; nobody is left to be told.
      service.log.debug('request dropped', { error: errorText(error) });
      response.destroy();
    }
  }

  #chance(share: number | undefined): boolean {
    return share !== undefined && this.#random() < share;
  }

  /** Does the BMC restart over what it just did? Logging in and out changes nothing. */
  #goesDown({ method, target }: Request, { status }: Answer): boolean {
    const { faults } = this;
    if (faults.restartOn?.(method, target) === true) {
      delete faults.restartOn;
      return true;
    }
    const changed = status < 300 && !['GET', 'HEAD'].includes(method) && !target.includes('/SessionService/');
    return changed && this.#restarts.hit();
  }

  async #answer(request: Request): Promise<Answer> {
    const { faults, service } = this;
    if ((faults.busyRequests ?? 0) > 0) {
      faults.busyRequests = (faults.busyRequests ?? 0) - 1;
      const refusal = new Refusal(503, 'ServiceTemporarilyUnavailable', ['1']);
      return {
        status: 503,
        headers: { 'OData-Version': '4.0', 'Retry-After': '1', 'Content-Type': 'application/json;charset=utf-8' },
        text: JSON.stringify(refusal.body(service.quirks.has('extended-info-object'))),
      };
    }
    return answer(service, this.#router, request);
  }

  #send(response: ServerResponse, result: Answer): void {
    const length = Buffer.byteLength(result.text);
    const { faults } = this;
    if ((faults.cutAnswers ?? 0) > 0) {
      faults.cutAnswers = (faults.cutAnswers ?? 0) - 1;
      response.writeHead(result.status, { ...result.headers, 'Content-Length': String(Math.max(length, 64)) });
      response.write(result.text.slice(0, result.text.length / 2), () => this.#reset(response));
      return;
    }
    const bodiless = result.status === 204 || result.status === 304;
    response.writeHead(result.status, {
      ...result.headers,
      ...(bodiless || (length === 0 && result.status === 200) ? {} : { 'Content-Length': String(length) }),
    });
    response.end(result.text);
  }

  #reset(response: ServerResponse): void {
    const { socket } = response;
    if (socket !== null && 'resetAndDestroy' in socket) socket.resetAndDestroy();
    else response.destroy();
  }
}

async function readBody(incoming: IncomingMessage): Promise<Uint8Array> {
  const json = /json/i.test(incoming.headers['content-type'] ?? 'json');
  const most = json ? MAX_JSON : MAX_PUSH;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > most) throw new Error(`the body is larger than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What the HTTP parser cannot read: methods that do not exist are 501, all else 400 (DSP0266 §7.1). */
function garbled(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) return;
  const [status, text] = error.code === 'HPE_INVALID_METHOD' ? [501, 'Not Implemented'] : [400, 'Bad Request'];
  const body = JSON.stringify(new Refusal(status, status === 501 ? 'ActionNotSupported' : 'MalformedJSON').body(false));
  const head = [
    `HTTP/1.1 ${status} ${text}`,
    'OData-Version: 4.0',
    'Cache-Control: no-cache',
    'Content-Type: application/json;charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
