/**
 * A million broken agent messages: bytes of real ones changed at random, and whole values replaced by nasty ones. Whatever
 * passes must be bounded and must carry nothing but known keys.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';
import { parseTaskMessage } from '../../src/agent/net/replies.ts';
import { checkAgentMessage } from '../../src/agent-protocol/schema.ts';
import { IngotError } from '../../src/core/errors.ts';
import { logSample, progressSample, registerSample, resultSamples } from '../support/agent-messages.ts';
import { mutator, seededRandom } from '../support/mutate.ts';

const SEED = 20261;
const ROUNDS = 520_000;
type Kind = keyof typeof checkAgentMessage;
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const samples: { kind: Kind; text: string }[] = [
  { kind: 'register' as const, text: JSON.stringify(registerSample) },
  { kind: 'progress' as const, text: JSON.stringify(progressSample) },
  { kind: 'logLine' as const, text: JSON.stringify(logSample) },
  ...resultSamples.map((sample) => ({ kind: 'result' as const, text: JSON.stringify(sample) })),
];
const tasks = [
  { id: '1', deadlineMs: 1e12, kind: 'clean', policy: { mode: 'metadata' } },
  {
    id: '2',
    deadlineMs: 1e12,
    kind: 'write',
    write: {
      target: { name: '/dev/vda', sizeBytes: 5, serial: 'S' },
      manifestUrl: '/m',
      manifestDigest: 'sha256:ab',
      framesUrl: '/f/{index}',
    },
  },
  {
    id: '3',
    deadlineMs: 1e12,
    kind: 'write',
    write: { target: { name: '/dev/vda', sizeBytes: 5, serial: 'S' }, source: 'source:ab', framesUrl: '/f/{index}' },
  },
].map((t) => JSON.stringify(t));

/** Every key that appears in a sample, at any depth. Only these may come out. */
const knownKeys = new Set(samples.flatMap(({ text }) => [...text.matchAll(/"([A-Za-z]+)":/g)].map((m) => m[1])));
for (const key of ['speedGbps', 'vlanId', 'vlans', 'id', 'lldp', 'wwnVendorExtension', 'switchID', 'portID'])
  knownKeys.add(key);

const nasty = [
  null,
  true,
  -1,
  1e308,
  0.5,
  '',
  '\u0000',
  '__proto__',
  'x'.repeat(300),
  [],
  {},
  [[[[]]]],
  { kind: 'inspect' },
  { constructor: { prototype: {} } },
] as Json[];

/** Replaces one value somewhere in a message. */
function spoil(message: Json, random: () => number): Json {
  if (message === null || typeof message !== 'object' || random() < 0.15)
    return nasty[Math.floor(random() * nasty.length)] ?? null;
  const keys = Object.keys(message);
  const key = keys[Math.floor(random() * keys.length)];
  if (key === undefined) return 0;
  const holder = message as { [key: string]: Json };
  if (random() < 0.1) delete holder[key];
  else holder[key] = spoil(holder[key] ?? null, random);
  return message;
}

/** Checks a message that passed. */
function judge(message: unknown, depth = 0): void {
  assert.ok(depth < 10, 'deep');
  if (typeof message === 'string') assert.ok(message.length <= 8000);
  if (typeof message === 'number') assert.ok(Number.isFinite(message));
  if (message === null || typeof message !== 'object') return;
  if (!Array.isArray(message)) for (const key of Object.keys(message)) assert.ok(knownKeys.has(key), key);
  for (const value of Object.values(message)) judge(value, depth + 1);
}

function check(kind: Kind, text: string): boolean {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  const checked = checkAgentMessage[kind](value);
  if (checked.ok) judge(checked.message);
  else assert.ok(checked.problem.length > 0 && checked.problem.length <= 500);
  return checked.ok;
}

/** Bytes on the heap that something still holds: what the collector has not come to yet is no leak. */
function liveBytes(): number {
  v8.setFlagsFromString('--expose-gc');
  (vm.runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

test('a million broken messages: bounded, known, never thrown', { timeout: 300_000 }, () => {
  const random = seededRandom(SEED);
  const before = liveBytes();
  const makers = samples.map(({ text }, i) => mutator([Buffer.from(text)], SEED + i));
  let passed = 0;
  for (let n = 0; n < ROUNDS; n++) {
    const at = n % samples.length;
    const sample = samples[at];
    const broken = makers[at]?.();
    assert.ok(sample !== undefined && broken !== undefined);
    if (check(sample.kind, Buffer.from(broken).toString('utf8'))) passed++;
    if (check(sample.kind, JSON.stringify(spoil(JSON.parse(sample.text), random)))) passed++;
  }
  assert.ok(passed > 1000, 'some changes do no harm; otherwise nothing was tested behind the first check');
  assert.ok(liveBytes() - before < 50 << 20, 'memory stays bounded');
});

test('broken tasks are refused with a typed error', () => {
  const random = seededRandom(SEED);
  for (let n = 0; n < 50_000; n++) {
    const text = tasks[n % tasks.length] ?? '';
    try {
      parseTaskMessage(spoil(JSON.parse(text), random));
    } catch (error) {
      assert.ok(error instanceof IngotError && error.code === 'AGENT_BAD_REPLY', String(error));
    }
  }
});
