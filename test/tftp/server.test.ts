import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { TftpEvent } from '../../src/tftp/events.ts';
import { bytesFile } from '../../src/tftp/file.ts';
import { type TftpServerOptions, startTftpServer } from '../../src/tftp/server.ts';

const CONTENT = Buffer.alloc(1200, 'abc');

/** A client that speaks in raw bytes. */
class RawClient {
  readonly #socket: dgram.Socket;
  readonly #inbox: { bytes: Buffer; port: number }[] = [];
  #wake: () => void = () => undefined;

  private constructor(socket: dgram.Socket) {
    this.#socket = socket;
    socket.on('message', (bytes, from) => {
      this.#inbox.push({ bytes, port: from.port });
      this.#wake();
    });
  }

  static open(): Promise<RawClient> {
    const socket = dgram.createSocket('udp4');
    return new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve(new RawClient(socket))));
  }

  send(text: string, port: number): void {
    this.#socket.send(Buffer.from(text, 'latin1'), port, '127.0.0.1');
  }

  async next(ms = 3000): Promise<{ text: string; port: number }> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error('no packet')), ms);
    this.#wake = resolve;
    if (this.#inbox.length === 0) await promise;
    clearTimeout(timer);
    const packet = this.#inbox.shift();
    assert.ok(packet !== undefined);
    return { text: packet.bytes.toString('latin1'), port: packet.port };
  }

  close(): void {
    this.#socket.close();
  }
}

async function withServer(
  body: (client: RawClient, port: number, events: TftpEvent[], other: RawClient) => Promise<void>,
  changes: Partial<TftpServerOptions> = {},
): Promise<void> {
  const events: TftpEvent[] = [];
  const server = await startTftpServer({
    address: '127.0.0.1',
    port: 0,
    files: (path) => Promise.resolve(path === 'file' ? bytesFile(CONTENT) : undefined),
    clock: systemClock,
    log: silentLogger,
    observe: (e) => events.push(e),
    ...changes,
  });
  const client = await RawClient.open();
  const other = await RawClient.open();
  try {
    await body(client, server.port, events, other);
    assert.equal(server.transfers, 0, 'every transfer has ended');
  } finally {
    client.close();
    other.close();
    await server.close();
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 300 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(condition(), 'did not come about');
}

const RRQ = '\0\x01file\0octet\0';
const ack = (block: number) => `\0\x04\0${String.fromCharCode(block)}`;

describe('the TFTP server', () => {
  it('serves by RFC 1350, from a port of its own', () =>
    withServer(async (client, port, events) => {
      client.send(RRQ, port);
      for (const [block, length] of [
        [1, 512],
        [2, 512],
        [3, 176],
      ] as const) {
        const packet = await client.next();
        assert.notEqual(packet.port, port);
        assert.equal(packet.text.slice(0, 4), `\0\x03\0${String.fromCharCode(block)}`);
        assert.equal(packet.text.length, 4 + length);
        client.send(ack(block), packet.port);
      }
      await until(() => events.some((e) => e.kind === 'complete'));
    }));

  it('takes a hang-up after the size for what it is, then serves', () =>
    withServer(async (client, port, events) => {
      client.send(`${RRQ}tsize\x000\0`, port);
      const oack = await client.next();
      assert.equal(oack.text, '\0\x06tsize\x001200\0');
      client.send('\0\x05\0\x08User aborted the transfer\0', oack.port);
      await until(() => events.some((e) => e.kind === 'probe'));
      client.send(`${RRQ}blksize\x001400\0`, port);
      const again = await client.next();
      assert.equal(again.text, '\0\x06blksize\x001400\0');
      client.send(ack(0), again.port);
      assert.equal((await client.next()).text.length, 1204);
      client.send(ack(1), again.port);
      await until(() => events.some((e) => e.kind === 'complete'));
      assert.deepEqual(
        events.map((e) => e.kind),
        ['start', 'probe', 'start', 'complete'],
      );
    }));

  it('lives through one-byte and foreign packets on a transfer’s port', () =>
    withServer(async (client, port, events, other) => {
      client.send(RRQ, port);
      const first = await client.next();
      client.send('\0', first.port);
      other.send(ack(1), first.port);
      assert.equal((await other.next()).text, '\0\x05\0\x05not your transfer\0');
      client.send('\0\x05\0\0stop\0', first.port);
      await until(() => events.some((e) => e.kind === 'aborted'));
      assert.ok(events.some((e) => e.kind === 'aborted' && e.reason === 'stop (error 0)'));
    }));

  it('sends a block again that is not acknowledged', () =>
    withServer(async (client, port) => {
      client.send(`${RRQ}timeout\x001\0`, port);
      const oack = await client.next();
      assert.equal((await client.next()).text, oack.text);
      client.send(ack(0), oack.port);
      const block = await client.next();
      assert.equal((await client.next()).text, block.text);
      client.send('\0\x05\0\0enough\0', block.port);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }));

  it('refuses writing, missing files, strange modes and paths', () =>
    withServer(async (client, port, events) => {
      const cases = [
        ['\0\x02file\0octet\0', 2],
        ['\0\x01none\0octet\0', 1],
        ['\0\x01file\0mail\0', 4],
        ['\0\x01../file\0octet\0', 2],
      ] as const;
      for (const [request, code] of cases) {
        client.send(request, port);
        assert.equal((await client.next()).text.slice(0, 4), `\0\x05\0${String.fromCharCode(code)}`);
      }
      assert.ok(events.every((e) => e.kind === 'refused'));
    }));

  it('serves a client a bounded number of files at a time', () =>
    withServer(
      async (client, port, events, other) => {
        client.send(RRQ, port);
        const first = await client.next();
        other.send(RRQ, port);
        await until(() => events.some((e) => e.kind === 'refused'));
        client.send('\0\x05\0\0\0', first.port);
        await until(() => events.some((e) => e.kind === 'aborted'));
        other.send(RRQ, port);
        const second = await other.next();
        other.send('\0\x05\0\0\0', second.port);
        await until(() => events.filter((e) => e.kind === 'aborted').length === 2);
      },
      { maxPerClient: 1 },
    ));

  it('does not start twice for a request sent twice', () =>
    withServer(async (client, port, events) => {
      client.send(RRQ, port);
      client.send(RRQ, port);
      const first = await client.next();
      client.send('\0\x05\0\0\0', first.port);
      await until(() => events.some((e) => e.kind === 'aborted'));
      assert.equal(events.filter((e) => e.kind === 'start').length, 1);
    }));

  it('names the address it cannot listen on', async () => {
    const options = { files: () => Promise.resolve(undefined), clock: systemClock, log: silentLogger };
    await assert.rejects(startTftpServer({ ...options, address: '192.0.2.1', port: 0 }), { code: 'TFTP_SOCKET' });
  });
});
