import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { FakeClock, systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { Personality } from '../../src/sim/redfish/personality.ts';
import { plain } from '../../src/sim/redfish/personalities/plain.ts';
import { type RedfishBmcOptions, type RedfishSimulator, startRedfishBmc } from '../../src/sim/redfish/server.ts';
import { SimulatedMachine, type SimulatedMachineOptions } from '../../src/sim/redfish/simulated-machine.ts';

export const USER = 'admin';
export const PASSWORD = 'secret-pass';

export interface Got {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into whatever the BMC says
  body: any;
}

export interface SendOptions {
  headers?: Record<string, string>;
  /** Sent as it is. */
  raw?: string | Uint8Array;
  /** Default true: basic authentication. */
  login?: boolean;
}

export interface TestBmc extends AsyncDisposable {
  bmc: RedfishSimulator;
  machine: SimulatedMachine;
  /** One request by node:http alone: a client of ours would hide what is tested. */
  send(method: string, path: string, body?: unknown, options?: SendOptions): Promise<Got>;
  get(path: string, options?: SendOptions): Promise<Got>;
  /** Polls until `condition` holds of what is at `path`. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  until(path: string, condition: (body: any) => boolean): Promise<any>;
}

export async function startTestBmc(
  options: Partial<RedfishBmcOptions> & { machineOptions?: Partial<SimulatedMachineOptions> } = {},
): Promise<TestBmc> {
  const clock = options.clock ?? systemClock;
  const machine = new SimulatedMachine({ name: 'node', clock, ...options.machineOptions });
  const bmc = await startRedfishBmc({
    personality: plain,
    machine,
    username: USER,
    password: PASSWORD,
    clock,
    log: silentLogger,
    address: '127.0.0.1',
    port: 0,
    updateMs: 20,
    restartMs: 100,
    random: Math.random,
    ...options,
  });
  const send: TestBmc['send'] = (method, path, body, more = {}) => {
    const data = more.raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const login = more.login === false ? {} : { Authorization: `Basic ${btoa(`${USER}:${PASSWORD}`)}` };
    const type = data === undefined ? {} : { 'Content-Type': 'application/json' };
    return request(bmc.url + path, method, { ...login, ...type, ...more.headers }, data);
  };
  const get: TestBmc['get'] = (path, more) => send('GET', path, undefined, more);
  return {
    bmc,
    machine,
    send,
    get,
    async until(path, condition) {
      const end = performance.now() + 20_000;
      for (;;) {
        const got = await get(path).catch(() => undefined);
        if (got?.status === 200 && condition(got.body)) return got.body;
        if (performance.now() > end) throw new Error(`${path} never became as wanted: ${got?.text}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    async [Symbol.asyncDispose]() {
      await bmc.close();
      await machine.close();
    },
  };
}

/** A BMC of a personality whose time only the test moves. */
export async function startStill(personality: Personality): Promise<TestBmc & { clock: FakeClock }> {
  const clock = new FakeClock();
  const test = await startTestBmc({ personality, clock });
  return { ...test, clock, [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() };
}

function request(
  url: string,
  method: string,
  headers: Record<string, string>,
  data: string | Uint8Array | undefined,
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const length = data === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(data)) };
    const options = { method, headers: { ...headers, ...length }, agent: false as const };
    const sent = url.startsWith('https:')
      ? httpsRequest(url, { ...options, rejectUnauthorized: false })
      : httpRequest(url, options);
    sent.on('error', reject);
    sent.on('response', (response) => {
      const chunks: Uint8Array[] = [];
      response.on('data', (chunk: Uint8Array) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed(text) });
      });
    });
    sent.end(data);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** MessageId of an error body, without its version. */
export function messageOf(got: Got): string {
  const info = got.body?.error?.['@Message.ExtendedInfo'];
  const first = Array.isArray(info) ? info[0] : info;
  return String(first?.MessageId).split('.').at(-1) ?? '';
}
