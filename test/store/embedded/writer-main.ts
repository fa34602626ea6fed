/** Writes without end into the store named on the command line and says which write is safe. Made to be killed. */
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { loadCrds } from '../../../src/api/registry/load.ts';
import { CONFIG_MAP } from '../../../src/api/resources.ts';
import { openEmbeddedStore } from '../../../src/store/embedded/store.ts';

const [file = ''] = process.argv.slice(2);
const store = openEmbeddedStore({ file, crds: await loadCrds(), clock: systemClock, log: silentLogger });
const metadata = { namespace: 'default', name: 'counter' };
try {
  await store.create(CONFIG_MAP, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { n: '0' } });
} catch {
  // It is there from an earlier life.
}
for (;;) {
  const live = await store.get(CONFIG_MAP, metadata);
  const n = String(Number(live.data?.['n'] ?? 0) + 1);
  await store.update(CONFIG_MAP, { ...live, data: { n } });
  process.stdout.write(`${n}\n`);
}
