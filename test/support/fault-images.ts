/** Images that are not what they seem, and a server that serves them as badly as asked. */
import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, truncate, writeFile } from 'node:fs/promises';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { exec } from '../../src/core/exec.ts';

const MIB = 1 << 20;

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

export interface FaultImages {
  /** Boots, as far as a look at its first sector tells. */
  raw: Uint8Array;
  qcow2: Uint8Array;
  /** The header claims 64 GiB, the tables behind it cover far less. */
  lying: Uint8Array;
  /** Its tables point beyond the end of the file. */
  cut: Uint8Array;
  /** Needs another file. */
  overlay: Uint8Array;
  /** An empty disk of 1 GiB. */
  large: Uint8Array;
}

export async function makeFaultImages(dir: string): Promise<FaultImages> {
  const file = (name: string) => path.join(dir, name);
  const raw = randomBytes(9 * MIB);
  raw.set([0x55, 0xaa], 510);
  await writeFile(file('os.raw'), raw);
  const img = (...args: string[]) => exec('qemu-img', args);
  await img('convert', '-f', 'raw', '-O', 'qcow2', file('os.raw'), file('os.qcow2'));
  await img('create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', file('os.raw'), file('overlay.qcow2'));
  await img('create', '-q', '-f', 'qcow2', file('large.qcow2'), '1G');
  const qcow2 = await readFile(file('os.qcow2'));
  const lying = Buffer.from(qcow2);
  lying.writeBigUInt64BE(64n << 30n, 24);
  const cut = qcow2.subarray(0, qcow2.length - 4 * MIB);
  const [overlay, large] = [await readFile(file('overlay.qcow2')), await readFile(file('large.qcow2'))];
  return { raw, qcow2, lying, cut, overlay, large };
}

/** An empty disk of `bytes` as a sparse file. */
export async function makeDisk(file: string, bytes: number): Promise<void> {
  await writeFile(file, '');
  await truncate(file, bytes);
}

/** Would firmware take the disk for bootable? */
export async function looksBootable(file: string): Promise<boolean> {
  const handle = await open(file, 'r');
  try {
    const sector = new Uint8Array(512);
    await handle.read(sector, 0, 512, 0);
    return sector[510] === 0x55 && sector[511] === 0xaa;
  } finally {
    await handle.close();
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Serves what it is told to, which may change at any time. */
export class ImageServer {
  readonly #server: Server;
  readonly #routes = new Map<string, Handler>();
  readonly requests: string[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      const name = (request.url ?? '').slice(1);
      this.requests.push(name);
      const handler = this.#routes.get(name);
      if (handler === undefined) response.writeHead(404).end();
      else handler(request, response);
    });
  }

  static async start(): Promise<ImageServer> {
    const server = new ImageServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  url(name: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${name}`;
  }

  /** Serves `bytes` under `name`, whole. */
  serve(name: string, bytes: Uint8Array | string): void {
    const body = Buffer.from(bytes);
    this.#routes.set(name, (_, response) => response.writeHead(200, { 'content-length': body.length }).end(body));
  }

  /** Announces all of `bytes`, sends half and hangs up. */
  cutShort(name: string, bytes: Uint8Array): void {
    this.#routes.set(name, (_, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
    });
  }

  /** Sends half of `bytes` and the rest when the promise resolves. */
  stall(name: string, bytes: Uint8Array, until: Promise<void>): void {
    this.#routes.set(name, (_, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, bytes.length / 2));
      void until.then(() => response.end(bytes.subarray(bytes.length / 2)));
    });
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
