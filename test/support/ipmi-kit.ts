import assert from 'node:assert/strict';
import { IngotError } from '../../src/core/errors.ts';
import type { IpmiClient } from '../../src/ipmi/client.ts';
import { decodeDatagram } from '../../src/ipmi/packet.ts';
import { runClock } from './run-clock.ts';
import type { VirtualBmc } from './virtual-bmc.ts';

/** A signal that never aborts. */
export const never = new AbortController().signal;

/** The error that `promise` ends in, on the clock of `bmc`. */
export async function failure(bmc: VirtualBmc, promise: Promise<unknown>): Promise<IngotError> {
  try {
    await runClock(bmc.clock, promise);
  } catch (error) {
    assert.ok(error instanceof IngotError, String(error));
    return error;
  }
  assert.fail('no error');
}

/** Closes all; no socket of a client may be left. */
export async function done(bmc: VirtualBmc, ...clients: IpmiClient[]): Promise<void> {
  for (const client of clients) await runClock(bmc.clock, client.close());
  assert.equal(bmc.net.openClients, 0, 'a client socket stayed open');
  await bmc.server.close();
}

/** Payload type of an RMCP+ packet, -1 for other framings. */
export function typeOf(bytes: Uint8Array): number {
  const datagram = decodeDatagram(bytes);
  return datagram.kind === 'v2.0' ? datagram.payloadType : -1;
}

/** Is it a packet of an open session? */
export function inSession(bytes: Uint8Array): boolean {
  const datagram = decodeDatagram(bytes);
  return datagram.kind !== 'asf' && datagram.sessionId !== 0;
}
