/**
 * Bytes of other people's programs, read with nothing but the password: every signature in them must come out of our
 * key schedule, every encrypted packet must open, and closing it again with the same IV must give the same bytes.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  type Handshake,
  type SessionKeys,
  rakp2Code,
  rakp3Code,
  rakp4Code,
  sessionIntegrityKey,
  sessionKeys,
  userKey,
} from '../../src/ipmi/crypto.ts';
import * as handshake from '../../src/ipmi/handshake.ts';
import { type LanMessage, decodeLanMessage, encodeLanMessage } from '../../src/ipmi/lan-message.ts';
import { PayloadType } from '../../src/ipmi/numbers.ts';
import { type V20Packet, decodeDatagram, encodeV20, encodeV20Plain, openV20 } from '../../src/ipmi/packet.ts';
import { encodeV15 } from '../../src/ipmi/packet-v15.ts';
import { suiteByAlgorithms } from '../../src/ipmi/suites.ts';
import { toHex, utf8Bytes } from '../../src/wire/hex.ts';
import { type IpmiCapture, ipmiCaptures } from '../support/ipmi-capture.ts';

interface Walk {
  signatures: number;
  opened: LanMessage[];
  refusals: number[];
}

/** Follows one capture packet by packet. */
function walk(capture: IpmiCapture): Walk {
  const result: Walk = { signatures: 0, opened: [], refusals: [] };
  const kuid = userKey(utf8Bytes(capture.password));
  let shared: Partial<Handshake> = {};
  let keys: SessionKeys | undefined;
  const onSetup = (packet: V20Packet) => {
    const { payload } = packet;
    const again = (bytes: Uint8Array) => assert.equal(toHex(bytes), toHex(payload), 'payload encoded again');
    switch (packet.payloadType) {
      case PayloadType.openSessionRequest: {
        const m = handshake.decodeOpenSessionRequest(payload);
        again(handshake.encodeOpenSessionRequest(m));
        shared = { consoleSessionId: m.consoleSessionId };
        keys = undefined;
        break;
      }
      case PayloadType.openSessionResponse: {
        const m = handshake.decodeOpenSessionResponse(payload);
        if (m.opened === undefined) {
          result.refusals.push(m.status);
          break;
        }
        assert.equal(suiteByAlgorithms(m.opened.algorithms)?.id, capture.suite);
        again(handshake.encodeOpenSessionResponse(m));
        shared.bmcSessionId = m.opened.bmcSessionId;
        break;
      }
      case PayloadType.rakp1: {
        const m = handshake.decodeRakp1(payload);
        again(handshake.encodeRakp1(m));
        Object.assign(shared, { consoleRandom: m.consoleRandom, role: m.role, username: m.username });
        break;
      }
      case PayloadType.rakp2: {
        const m = handshake.decodeRakp2(payload);
        assert.ok(m.accepted);
        shared.bmcRandom = m.accepted.bmcRandom;
        shared.bmcGuid = m.accepted.bmcGuid;
        assert.equal(toHex(rakp2Code(suite(), kuid, shared as Handshake)), toHex(m.accepted.code), 'RAKP 2');
        result.signatures++;
        break;
      }
      case PayloadType.rakp3: {
        const m = handshake.decodeRakp3(payload);
        assert.equal(toHex(rakp3Code(suite(), kuid, shared as Handshake)), toHex(m.code), 'RAKP 3');
        again(handshake.encodeRakp3(m));
        result.signatures++;
        break;
      }
      case PayloadType.rakp4: {
        const m = handshake.decodeRakp4(payload);
        const sik = sessionIntegrityKey(suite(), kuid, shared as Handshake);
        assert.equal(toHex(rakp4Code(suite(), sik, shared as Handshake)), toHex(m.code), 'RAKP 4');
        const chosen = suiteByAlgorithms({
          auth: suite() === 'sha256' ? 3 : 1,
          integrity: suite() === 'sha256' ? 4 : 1,
          confidentiality: 1,
        });
        assert.ok(chosen);
        keys = sessionKeys(chosen, sik, new Uint8Array(0));
        result.signatures++;
        break;
      }
      default:
        assert.fail(`payload type ${packet.payloadType}`);
    }
  };
  const suite = () => (capture.suite === 17 ? ('sha256' as const) : ('sha1' as const));
  for (const { bytes } of capture.packets) {
    const datagram = decodeDatagram(bytes);
    if (datagram.kind === 'asf') continue;
    if (datagram.kind === 'v1.5') {
      assert.equal(toHex(encodeV15(encodeLanMessage(decodeLanMessage(datagram.payload)))), toHex(bytes));
    } else if (datagram.sessionId !== 0) {
      assert.ok(keys);
      const message = decodeLanMessage(openV20(datagram, keys));
      const { payloadType, sessionId, sequence } = datagram;
      const payload = encodeLanMessage(message);
      const closed = encodeV20({ payloadType, sessionId, sequence, payload }, keys, datagram.payload.slice(0, 16));
      assert.equal(toHex(closed), toHex(bytes), 'packet closed again');
      result.opened.push(message);
    } else if (datagram.payloadType === PayloadType.ipmi) {
      decodeLanMessage(datagram.payload);
    } else {
      assert.equal(toHex(encodeV20Plain(datagram.payloadType, datagram.payload)), toHex(bytes));
      onSetup(datagram);
    }
  }
  return result;
}

for (const capture of ipmiCaptures()) {
  test(`capture ${capture.name}: ${capture.console} with ${capture.bmc}`, () => {
    const { signatures, opened, refusals } = walk(capture);
    if (capture.name.includes('refused')) {
      assert.deepEqual(refusals, [4]);
      return;
    }
    assert.ok(signatures >= 6, `${signatures} signatures`);
    assert.ok(opened.length >= 12, `${opened.length} packets opened`);
    // Chassis status was asked in each of them.
    assert.ok(opened.some((m) => m.netFn === 0 && m.cmd === 1));
  });

  if (capture.name.includes('refused')) continue;
  test(`capture ${capture.name}: another password does not fit`, () => {
    assert.throws(() => walk({ ...capture, password: `${capture.password}x` }), /RAKP 2/);
  });
}

test('both suites are proven by servers that are not ours', () => {
  const foreign = ipmiCaptures().filter((c) => c.bmc !== 'ours' && !c.name.includes('refused'));
  assert.deepEqual(
    [...new Set(foreign.map((c) => c.suite))].sort((a, b) => a - b),
    [3, 17],
  );
});
