/** The store contract on a real kube-apiserver, with the CRDs installed by `kubectl apply`. */
import path from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { exec } from '../../src/core/exec.ts';
import { silentLogger } from '../../src/core/log.ts';
import { NAMESPACE } from '../../src/api/resources.ts';
import { KubeClient } from '../../src/store/kube/client.ts';
import { connectKube } from '../../src/store/kube/connection.ts';
import { KubeStore } from '../../src/store/kube/store.ts';
import { storeContract } from '../store/contract.ts';
import { startTestbed } from '../support/testbed.ts';

const CRDS = path.resolve(import.meta.dirname, '../../crds');

storeContract('kube-apiserver', async () => {
  const bed = await startTestbed();
  const kubectl = (...args: string[]) => exec(bed.kubectl, [`--kubeconfig=${bed.kubeconfig}`, ...args]);
  await kubectl('apply', '--server-side', '-f', CRDS);
  await kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
  const connection = await connectKube(bed.kubeconfig);
  const doors = { clock: systemClock, random: Math.random, log: silentLogger };
  const store = new KubeStore({ ...doors, client: new KubeClient({ ...doors, connection }) });
  await store.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'contract' } });
  return {
    store,
    namespace: 'contract',
    close: async () => {
      await connection.close();
      await bed.close();
    },
  };
});
