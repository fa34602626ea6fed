import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TimelineEntry } from '../../src/api/hostprogress.ts';
import { kubeTime } from '../../src/core/clock.ts';
import { type SilentBoot, missedBoot, usualSilence } from '../../src/provisioner/missed-boot.ts';

const LIMITS = { missedBootMs: 240_000, bootRetriesMs: 60_000 };
/** The present power on, s. Everything else is told from there. */
const ON = 1_800_000_000;

const entry = (seconds: number, kind: string): TimelineEntry => ({
  at: kubeTime((ON + seconds) * 1000),
  source: kind.startsWith('power') ? 'bmc' : 'dhcp',
  kind,
  text: kind,
});

function boot(times: { listening: number; now: number }, entries: readonly [number, string][] = []): SilentBoot {
  const timeline = [...entries.filter(([s]) => s < 0), [0, 'power-on'] as const, ...entries.filter(([s]) => s >= 0)];
  return {
    timeline: timeline.map(([s, kind]) => entry(s, kind)),
    poweredOn: ON * 1000,
    listening: (ON + times.listening) * 1000,
    now: (ON + times.now) * 1000,
  };
}

/** Power on and first sign of an earlier boot. */
const earlier = (silence: number): [number, string][] => [
  [-5000, 'power-on'],
  [-5000 + silence, 'dhcp-offer'],
];

describe('provisioner: a boot that nobody heard', () => {
  const cases: [string, SilentBoot, boolean][] = [
    ['silent, and the engine was restarted', boot({ listening: 100, now: 241 }), true],
    ['not yet', boot({ listening: 100, now: 239 }), false],
    ['the engine listened all along', boot({ listening: -100, now: 899 }), false],
    ['the engine started in the second of the power on', boot({ listening: 0.9, now: 899 }), false],
    ['the engine is just back: firmware may still be asking', boot({ listening: 290, now: 345 }), false],
    ['the engine is back for longer than firmware asks', boot({ listening: 290, now: 351 }), true],
    ['heard since', boot({ listening: 100, now: 500 }, [[110, 'dhcp-offer']]), false],
    ['heard before, and cut short', boot({ listening: 100, now: 500 }, [[90, 'dhcp-ack']]), true],
    ['loader sent, not heard after', boot({ listening: 100, now: 500 }, [[90, 'tftp-sent']]), true],
    ['iPXE had come: it asks again by itself', boot({ listening: 100, now: 500 }, [[90, 'http-script']]), false],
    ['a self test of ten minutes, known', boot({ listening: 100, now: 899 }, earlier(600)), false],
    ['a machine known to be quick', boot({ listening: 30, now: 95 }, earlier(20)), true],
    ['a machine known to be quick, firmware may still be asking', boot({ listening: 30, now: 85 }, earlier(20)), false],
  ];
  for (const [name, facts, expected] of cases) {
    it(`${name}: ${expected ? 'boot again' : 'wait'}`, () => assert.equal(missedBoot(facts, LIMITS), expected));
  }

  it('does not do it twice: the next power on is after the restart', () => {
    const first = boot({ listening: 100, now: 241 });
    assert.equal(missedBoot(first, LIMITS), true);
    const again = { ...first, poweredOn: first.now, now: first.now + 800_000 };
    assert.equal(missedBoot(again, LIMITS), false);
  });

  it('knows the longest silence of earlier boots, and only of those that ended in a sign', () => {
    const times: [number, string][] = [
      [0, 'power-on'],
      [30, 'dhcp-offer'],
      [100, 'http-script'],
      [200, 'power-off'],
      [210, 'power-on'],
      [300, 'power-reset'],
      [345, 'http-script'],
      [400, 'power-on'],
    ];
    assert.equal(usualSilence(times.map(([s, kind]) => entry(s, kind))), 45_000);
    assert.equal(usualSilence([entry(0, 'power-on')]), undefined);
    assert.equal(usualSilence([entry(0, 'dhcp-offer')]), undefined);
  });
});
