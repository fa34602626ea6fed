import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { loadCrds } from '../../../src/api/registry/load.ts';
import { NAMESPACE } from '../../../src/api/resources.ts';
import { openEmbeddedStore } from '../../../src/store/embedded/store.ts';
import { storeContract } from '../contract.ts';

storeContract('embedded', async () => {
  const store = openEmbeddedStore({ file: ':memory:', crds: await loadCrds(), clock: systemClock, log: silentLogger });
  await store.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'contract' } });
  return {
    store,
    namespace: 'contract',
    close: async () => store.close(),
  };
});
