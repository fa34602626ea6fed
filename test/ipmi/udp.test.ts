import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeUdpConnect, nodeUdpListen } from '../../src/ipmi/udp.ts';

const ignored = { message: () => {}, error: () => {} };

for (const host of ['127.0.0.1', '::1']) {
  test(`what was sent just before the socket was closed still goes out: ${host}`, async () => {
    const heard = Promise.withResolvers<string>();
    const server = await nodeUdpListen(
      { address: host, port: 0 },
      { ...ignored, message: (bytes) => heard.resolve(Buffer.from(bytes).toString()) },
    );
    const client = await nodeUdpConnect({ host, port: server.port }, ignored);
    // In one turn, inside a promise's callback: as a login ends that was given up.
    await Promise.resolve().then(() => {
      client.send(Buffer.from('close session'));
      client.close();
      client.send(Buffer.from('too late'));
    });
    assert.equal(await heard.promise, 'close session');
    server.close();
    server.close();
  });
}
