/** Captured packets, broken in a million ways: nothing but typed errors comes out, and the tables do not grow past the range. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { IngotError } from '../../src/core/errors.ts';
import { decide } from '../../src/dhcp/decide.ts';
import { clientFacts } from '../../src/dhcp/facts.ts';
import { LeaseTable } from '../../src/dhcp/leases.ts';
import { type DhcpMessage, decodeMessage, encodeMessage } from '../../src/dhcp/message.ts';
import { maxReplyBytes } from '../../src/dhcp/reply.ts';
import { ADDRESS_ONLY, BOOT, NOW, SERVER, config } from '../dhcp/kit.ts';
import { captures } from '../support/captures.ts';
import { mutator } from '../support/mutate.ts';

const ROUNDS = 1_000_000;

function decoded(bytes: Uint8Array): DhcpMessage | undefined {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    assert.ok(error instanceof IngotError, String(error));
    return undefined;
  }
}

it(`answers or drops ${ROUNDS} broken packets`, () => {
  const next = mutator(
    captures('dhcp').map((c) => c.bytes),
    20261123,
  );
  const configs = [config(), config({ mode: 'proxy' })] as const;
  const leases = new LeaseTable();
  const ownAddresses = new Set([SERVER]);
  const iface = { name: 'eth0', address: SERVER, prefix: 24 };
  let replies = 0;
  let refused = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const message = decoded(next());
    if (message === undefined) {
      refused += 1;
      continue;
    }
    const port = i % 7 === 0 ? 4011 : 67;
    const request = { message, facts: clientFacts(message), iface, port, ownAddresses, fuzz: 0.5 };
    const source = { address: 0x0a000063, port: 68 };
    const full = { ...request, source, now: NOW + i * 30_000 };
    const decision = decide(full, leases, configs[i % 5 === 0 ? 1 : 0], i % 2 === 0 ? BOOT : ADDRESS_ONLY);
    if (decision.change !== undefined) leases.put(decision.change);
    if (decision.kind === 'silent') continue;
    replies += 1;
    const reply = encodedReply(decision.message, maxReplyBytes(full));
    if (reply !== undefined && i % 16 === 0) assert.equal(decodeMessage(reply).xid, message.xid);
  }
  assert.ok(leases.size <= 10 + 256 + 1, `${leases.size} leases`);
  assert.ok(replies > ROUNDS / 20, `${replies} replies`);
  assert.ok(refused > ROUNDS / 20, `${refused} refused`);
});

/** A relay may add more to option 82 than a small client takes back: that reply is refused by name, not sent cut. */
function encodedReply(message: DhcpMessage, maxBytes: number): Uint8Array | undefined {
  try {
    return encodeMessage(message, maxBytes);
  } catch (error) {
    assert.ok(error instanceof IngotError && error.code === 'DHCP_TOO_LARGE', String(error));
    return undefined;
  }
}
