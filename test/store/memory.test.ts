import { MemoryStore } from '../support/memory-store.ts';
import { storeContract } from './contract.ts';

storeContract('in memory, as the tests of the engine use it', async () => {
  const store = new MemoryStore(['contract']);
  return { store, namespace: 'contract', close: async () => store.close() };
});
