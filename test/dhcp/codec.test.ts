import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { IngotError } from '../../src/core/errors.ts';
import { OPT } from '../../src/dhcp/codes.ts';
import { clientFacts } from '../../src/dhcp/facts.ts';
import { type DhcpMessage, decodeMessage, encodeMessage } from '../../src/dhcp/message.ts';
import { readUserClass, writeUserClass } from '../../src/dhcp/userclass.ts';
import { readSubOptions } from '../../src/dhcp/values.ts';
import { concatBytes, fromHex, toHex } from '../../src/wire/hex.ts';
import { capture, captures } from '../support/captures.ts';
import { rawRequest } from './kit.ts';

const UUID = '12345678-9abc-def0-1122-334455667788';

function message(options: [number, Uint8Array][], changes: Partial<DhcpMessage> = {}): DhcpMessage {
  const zero = { hops: 0, secs: 0, flags: 0, ciaddr: 0, yiaddr: 0, siaddr: 0, giaddr: 0, sname: '', file: '' };
  return { op: 2, htype: 1, xid: 7, chaddr: fromHex('525400000001'), ...zero, options: new Map(options), ...changes };
}

describe('captured requests', () => {
  const cases = [
    ['BIOS', { stage: 'ipxe', arch: 0, uuid: UUID, userClass: ['iPXE'] }],
    ['OVMF network stack', { stage: 'pxe', arch: 7, uuid: UUID, userClass: [] }],
    ['OVMF UEFI HTTP boot', { stage: 'http', arch: 16, uuid: UUID, userClass: [] }],
    ['busybox udhcpc', { stage: 'other', arch: undefined, uuid: undefined, userClass: [] }],
  ] as const;
  for (const [sender, expected] of cases) {
    it(`says who ${sender} is`, () => {
      const facts = clientFacts(decodeMessage(capture('dhcp', sender, 'DISCOVER')));
      assert.deepEqual(
        { stage: facts.stage, arch: facts.arch, uuid: facts.uuid, userClass: facts.userClass },
        expected,
      );
    });
  }

  it('come out of the encoder with the same meaning', () => {
    for (const { bytes, sender } of captures('dhcp')) {
      const once = decodeMessage(bytes);
      assert.deepEqual(decodeMessage(encodeMessage(once, 1472)), once, sender);
    }
  });
});

describe('options', () => {
  it('are split above 255 bytes and joined again (RFC 3396)', () => {
    const long = Uint8Array.from({ length: 600 }, (_, i) => i & 255);
    const bytes = encodeMessage(message([[43, long]]), 1472);
    assert.deepEqual([...bytes.subarray(240, 242)], [43, 255]);
    assert.deepEqual([...bytes.subarray(240 + 257, 240 + 259)], [43, 255]);
    assert.deepEqual([...bytes.subarray(240 + 514, 240 + 516)], [43, 90]);
    assert.deepEqual(decodeMessage(bytes).options.get(43), long);
  });

  it('spill into file and sname when the packet is small (option 52)', () => {
    const pad = (code: number): [number, Uint8Array] => [code, new Uint8Array(100).fill(code)];
    const options = [pad(200), pad(201), pad(202)];
    const small = new Uint8Array(50).fill(9);
    const bytes = encodeMessage(message([...options, [204, small], [82, fromHex('01020304')]]), 576 - 28);
    assert.equal(bytes.length <= 548, true);
    const again = decodeMessage(bytes).options;
    assert.deepEqual(again.get(202), new Uint8Array(100).fill(202));
    assert.deepEqual(again.get(204), small);
    assert.equal(bytes[108], 202, 'the third option stands in file');
    assert.match(toHex(bytes), /520401020304ff0*$/, 'option 82 is last in the options field');
  });

  it('do not displace a boot file to make room', () => {
    const big: [number, Uint8Array] = [200, new Uint8Array(400)];
    const full = message([big], { file: 'boot', sname: 'server' });
    assert.throws(() => encodeMessage(full, 576 - 28), { code: 'DHCP_TOO_LARGE' });
  });

  it('survive unknown, empty and behind pads', () => {
    const bytes = concatBytes(rawRequest(1).subarray(0, 243), fromHex('0000 e000 00 e10161 ff 3501'));
    const { options } = decodeMessage(bytes);
    assert.deepEqual(options.get(224), new Uint8Array(0));
    assert.deepEqual(options.get(225), fromHex('61'));
  });

  it('round trip whatever they are', () => {
    const entry = fc.tuple(fc.integer({ min: 1, max: 254 }), fc.uint8Array({ maxLength: 400 }));
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 3 }), (entries) => {
        const sent = message(entries.filter(([code]) => code !== OPT.overload));
        assert.deepEqual(decodeMessage(encodeMessage(sent, 2000)), sent);
      }),
      { numRuns: 300 },
    );
  });
});

describe('broken packets', () => {
  const good = rawRequest(1);
  const broken: [string, Uint8Array][] = [
    ['empty', new Uint8Array(0)],
    ['cut in the header', good.subarray(0, 200)],
    ['without cookie', good.with(236, 0)],
    ['with a hardware address of 17 bytes', good.with(2, 17)],
    ['with an option past the end', concatBytes(good.subarray(0, 243), fromHex('3c0541'))],
    ['with a code and no length', concatBytes(good.subarray(0, 243), fromHex('3c'))],
  ];
  for (const [what, bytes] of broken) {
    it(`are refused: ${what}`, () => {
      assert.throws(() => decodeMessage(bytes), IngotError);
    });
  }
});

describe('user class', () => {
  it('is read in both forms', () => {
    assert.deepEqual(readUserClass(fromHex('69505845')), ['iPXE']);
    assert.deepEqual(readUserClass(fromHex('0469505845 03616263')), ['iPXE', 'abc']);
    assert.deepEqual(readUserClass(fromHex('0461')), ['?a']);
    assert.deepEqual(readUserClass(undefined), []);
    assert.deepEqual(writeUserClass(['iPXE', 'abc']), fromHex('0469505845 03616263'));
  });
});

describe('sub-options', () => {
  it('of 175 are read from what iPXE sends', () => {
    const sub = readSubOptions(decodeMessage(capture('dhcp', 'BIOS', 'DISCOVER')).options.get(175));
    assert.equal(sub.has(0xeb), true, 'the version');
    assert.deepEqual(sub.get(0x13), Uint8Array.of(1), 'HTTP is supported');
  });

  it('end at the first that runs out', () => {
    assert.deepEqual([...readSubOptions(fromHex('010161 020a61')).keys()], [1]);
  });
});
