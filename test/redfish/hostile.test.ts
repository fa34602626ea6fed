/** What a hostile or broken service may send: every reader gives an answer or one of our errors, and none runs away. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { IngotError } from '../../src/core/errors.ts';
import { bootForms, compareOverride, readOverride, targetFor } from '../../src/redfish/boot-override.ts';
import type { JsonObject, RedfishCalls, Resource } from '../../src/redfish/calls.ts';
import { redfishErrors } from '../../src/redfish/errors.ts';
import { usableEtag } from '../../src/redfish/etags.ts';
import { hasMessage, refusalError, refusalIn } from '../../src/redfish/faults.ts';
import { membersOf } from '../../src/redfish/members.ts';
import { powerOf } from '../../src/redfish/power.ts';
import { personalityOf } from '../../src/redfish/quirks.ts';
import { findSystem } from '../../src/redfish/systems.ts';
import { stateOf, taskOf } from '../../src/redfish/tasks.ts';
import { parseFingerprint } from '../../src/redfish/trust.ts';

const never = new AbortController().signal;

/** Keys that readers look for, so that the wrong types get where they hurt. */
const KEYS = `
  error @Message.ExtendedInfo MessageId Message code Boot@Message.ExtendedInfo __proto__ Boot
  BootSourceOverrideTarget BootSourceOverrideEnabled BootSourceOverrideMode HttpBootUri
  BootSourceOverrideTarget@Redfish.AllowableValues PowerState Vendor Manufacturer Model Status
  @odata.type @odata.id @odata.etag TaskState TaskStatus Messages PercentComplete Members
  Members@odata.nextLink Systems Links Sessions constructor toString
`
  .trim()
  .split(/\s+/);
const words = fc.constantFrom(
  'None',
  'Pxe',
  'Once',
  'On',
  'Completed',
  '#Task.v1.Task',
  '/redfish/v1/Systems/1',
  'Dell',
  '',
);
const { tree } = fc.letrec<{ tree: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(words, fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.maxSafeInteger()),
  tree: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    tie('leaf'),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('tree'), { maxKeys: 6 }),
  ),
}));
/** As it comes off the wire: through JSON, so that `__proto__` is an own key. */
const body = fc
  .dictionary(fc.constantFrom(...KEYS), tree, { maxKeys: 8 })
  .map((o) => JSON.parse(JSON.stringify(o)) as JsonObject);
const status = fc.integer({ min: 200, max: 599 });

function orOurs<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    assert.ok(error instanceof IngotError, String(error));
    return undefined;
  }
}

test('error bodies', () => {
  fc.assert(
    fc.property(status, fc.option(body, { nil: undefined }), fc.uint8Array({ maxLength: 200 }), (code, json, bytes) => {
      const refusal = refusalIn(code, json, bytes);
      assert.ok(refusal.texts.every((t) => typeof t === 'string' && t.length <= 300 && !/[\n\r]/.test(t)));
      assert.ok(refusal.texts.length <= 20 && refusal.messageIds.length <= 20);
      hasMessage(refusal, 'SYS518');
      assert.ok(redfishErrors.is(refusalError('bmc', 'GET /', refusal)));
    }),
    { numRuns: 500 },
  );
});

test('systems: power, boot override, personality', () => {
  fc.assert(
    fc.property(body, body, (system, root) => {
      const power = orOurs(() => powerOf({ path: '/', body: system }));
      assert.ok(['on', 'off', 'powering-on', 'powering-off', undefined].includes(power));
      const { quirks } = personalityOf(root, system, ['boot-full', '-cd-is-usb-cd', '', '-']);
      const read = readOverride(system);
      assert.ok(['none', 'pxe', 'disk', 'cdrom', 'http', 'bios-setup'].includes(read.device));
      for (const device of ['none', 'pxe', 'disk', 'cdrom', 'http', 'bios-setup'] as const) {
        const wanted = { ...read, device };
        const target = targetFor(device, system, quirks);
        if (target !== undefined) assert.ok(bootForms(wanted, target, system, quirks).length <= 8);
        compareOverride(wanted, read, quirks);
      }
    }),
    { numRuns: 500 },
  );
});

test('tasks', () => {
  const reply = (code: number, json: JsonObject | undefined) => ({
    status: code,
    path: '/',
    headers: new Map<string, string>(),
    body: json,
    length: 0,
    refusal: refusalIn(code, json, new Uint8Array()),
  });
  fc.assert(
    fc.property(
      status,
      fc.option(body, { nil: undefined }),
      fc.webPath(),
      fc.boolean(),
      (code, json, location, monitor) => {
        taskOf(reply(code, json), location);
        const state = stateOf(reply(code, json), monitor);
        assert.ok(['running', 'done', 'failed', 'gone'].includes(state.kind));
        assert.ok(state.messages.length <= 20);
      },
    ),
    { numRuns: 500 },
  );
});

test('collections and the search for the system end, whatever they point to', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 5 }), fc.string(), async (bodies, path) => {
      let reads = 0;
      const get = (at: string): Promise<Resource> =>
        Promise.resolve({ path: at, body: bodies[reads++ % bodies.length] ?? {} });
      const calls: RedfishCalls = { get, find: get } as unknown as RedfishCalls;
      for (const work of [() => membersOf(calls, '/c', never), () => findSystem(calls, path, 'bmc', never)]) {
        await work().catch((error: unknown) => assert.ok(error instanceof IngotError, String(error)));
      }
      assert.ok(reads < 2000, `${reads} reads`);
    }),
    { numRuns: 500 },
  );
});

test('ETags and fingerprints as text of any kind', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const etag = usableEtag(text);
      assert.ok(etag === undefined || etag.length > 0);
      orOurs(() => parseFingerprint(text));
    }),
  );
});
