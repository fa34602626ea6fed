import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { imageErrors } from '../../src/image/errors.ts';
import { ImageJobs } from '../../src/provisioner/image-jobs.ts';
import type { Run } from '../../src/provisioner/run.ts';
import { DIGEST, MANIFEST } from '../support/engine.ts';

const IMAGE = { url: 'http://images/os.qcow2', checksum: 'aa' };
const hostNamed = (name: string) => ({ key: { namespace: 'lab', name } }) as Run;

function world(clock: FakeClock) {
  let missing = true;
  const prepare = () =>
    missing
      ? Promise.reject(imageErrors.make('IMAGE_NOT_FOUND', '404'))
      : Promise.resolve({ digest: DIGEST, manifest: MANIFEST, source: 'source:x' });
  const woken: string[] = [];
  const jobs = new ImageJobs({
    images: { prepare, recheck: () => Promise.resolve(true) },
    clock,
    log: silentLogger,
    signal: new AbortController().signal,
    wake: ({ name }) => void woken.push(name),
  });
  return { jobs, woken, publish: () => void (missing = false) };
}

test('an answer is kept for a while for everybody who asked, and not for ever for a host that is gone', async () => {
  const clock = new FakeClock();
  const { jobs, woken, publish } = world(clock);
  assert.equal(jobs.ask(hostNamed('gone'), IMAGE).kind, 'working');
  assert.equal(jobs.ask(hostNamed('stays'), IMAGE).kind, 'working');
  await clock.advance(0);
  assert.deepEqual(woken, ['gone', 'stays']);
  assert.equal(jobs.ask(hostNamed('stays'), IMAGE).kind, 'failed');
  publish();
  // `gone` never comes for its answer. Whoever asks later must hear how things are now.
  await clock.advance(120_000);
  assert.equal(jobs.ask(hostNamed('stays'), IMAGE).kind, 'working');
  await clock.advance(0);
  assert.equal(jobs.ask(hostNamed('stays'), IMAGE).kind, 'ready');
});
