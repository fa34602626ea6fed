import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { loadCrds } from '../../src/api/registry/load.ts';
import { writeKubeconfig } from '../../src/apiserver/kubeconfig.ts';
import { startApiServer } from '../../src/apiserver/server.ts';
import { ensureServingCert } from '../../src/server/tls.ts';
import { type EmbeddedStore, openEmbeddedStore } from '../../src/store/embedded/store.ts';

export interface TestApi {
  store: EmbeddedStore;
  url: string;
  token: string;
  caPem: string;
  kubeconfig: string;
  folder: string;
  close(): Promise<void>;
}

/** The embedded store behind its API server, on a loopback port of its own, in a folder that goes with it. */
export async function startTestApi(): Promise<TestApi> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ingot-api-'));
  const crds = await loadCrds();
  const store = openEmbeddedStore({ file: path.join(folder, 'ingot.db'), crds, clock: systemClock, log: silentLogger });
  const tls = await ensureServingCert({ dir: path.join(folder, 'tls'), names: [], ips: ['127.0.0.1'] }, Date.now());
  const token = 'test-token-0123456789';
  const server = await startApiServer({
    store: store.raw,
    address: '127.0.0.1',
    port: 0,
    tokens: [token],
    tls,
    log: silentLogger,
    clock: systemClock,
  });
  const kubeconfig = path.join(folder, 'kubeconfig');
  await writeKubeconfig({ file: kubeconfig, url: server.url, caPem: tls.caPem, token });
  return {
    store,
    url: server.url,
    token,
    caPem: tls.caPem,
    kubeconfig,
    folder,
    async close() {
      await server.close();
      store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
