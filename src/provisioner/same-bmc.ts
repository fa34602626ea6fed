import { keyOf } from '../api/meta.ts';
import type { ProgressBook } from '../boot/progress-book.ts';
import type { BmcSource } from './doors.ts';
import { provisionerErrors } from './errors.ts';

/**
 * BMCs, of which a host keeps the one it was registered with. Another address is another machine: with a slip of the pen a
 * power action meant for this host would hit it. Metal3's webhook lets the address change only while a host is registering
 * or detached (metal3-compat §3.6); so does this, wherever the edit came from.
 * @throws PROVISION_BMC_CHANGED
 */
export function sameBmc(bmcs: BmcSource, book: Pick<ProgressBook, 'status'>): BmcSource {
  return {
    get: async (context) => {
      const { host } = context;
      const state = host.status?.provisioning.state ?? '';
      const address = host.spec.bmc?.address ?? '';
      const known = book.status(keyOf(host)).bmc?.address;
      if (known === undefined || known === address || MAY_CHANGE.has(state)) return await bmcs.get(context);
      const text = `spec.bmc.address is ${address}, and the host was registered with ${known}`;
      throw provisionerErrors.make('PROVISION_BMC_CHANGED', text);
    },
    release: (key) => bmcs.release(key),
  };
}

const MAY_CHANGE: ReadonlySet<string> = new Set(['', 'unmanaged', 'registering']);
