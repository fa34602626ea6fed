import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename, join } from 'node:path';
import { type Child, startChild } from '../../hack/story/children.ts';
import { node } from '../../hack/story/engine.ts';
import type { WebEvent } from '../../hack/story/web.ts';
import { REPOSITORY } from '../../src/sim/builders.ts';
import { LAB_BRIDGE_ADDRESS, type LabNetwork } from '../../src/sim/lab-network.ts';

/** Somebody's file server with one image, and the place where the provisioned machine calls back. Both are not Ingot's. */
export class Outside {
  readonly file: string;
  readonly sha256: string;
  readonly url: string;
  readonly callbackUrl: string;
  readonly #events: WebEvent[];
  readonly #child: Child;

  private constructor(file: string, sha256: string, base: string, events: WebEvent[], child: Child) {
    this.file = file;
    this.sha256 = sha256;
    this.url = `${base}/${basename(file)}`;
    this.callbackUrl = `${base}/callback`;
    this.#events = events;
    this.#child = child;
  }

  static async start(network: LabNetwork, dir: string, file: string, port: number): Promise<Outside> {
    const events: WebEvent[] = [];
    let listening: () => void = () => {};
    const isListening = new Promise<void>((resolve) => (listening = resolve));
    const argv = node(join(REPOSITORY, 'hack/story/web.ts'), LAB_BRIDGE_ADDRESS, String(port), file);
    const log = join(dir, `web-${port}.log`);
    const onLine = (line: string) => {
      const event = JSON.parse(line) as WebEvent;
      events.push(event);
      if (event.event === 'listening') listening();
    };
    const child = startChild(argv, { network, log, onLine });
    const died = child.exited.then(() => {
      throw new Error(`the web server ended; see ${log}`);
    });
    died.catch(() => {});
    const [sha256] = await Promise.all([digest(file), Promise.race([isListening, died])]);
    return new Outside(file, sha256, `http://${LAB_BRIDGE_ADDRESS}:${port}`, events, child);
  }

  /** Bytes of the image that were sent so far. */
  get bytesSent(): number {
    return this.#events.reduce((sum, e) => sum + (e.event === 'served' ? e.bytes : 0), 0);
  }

  /** What machines have sent, oldest first. */
  get callbacks(): Record<string, unknown>[] {
    return this.#events.flatMap((e) => (e.event === 'callback' ? [e.body] : []));
  }

  close(): Promise<void> {
    return this.#child.stop(1000);
  }
}

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
