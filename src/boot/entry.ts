import type { HostProgressStatus } from '../api/hostprogress.ts';
import type { ClientFacts } from '../dhcp/policy.ts';
import { decideBoot } from './decide.ts';
import type { MacOwner } from './host-index.ts';

/** What the network entry says to iPXE that names itself by its MAC address. */
export type EntryAnswer = { kind: 'script' } | { kind: 'nothing'; reason: string };

/**
 * The unsigned entry for networks where another DHCP server points machines here: the decision that DHCP would have made
 * for iPXE with this address. Pure. It is worth as much as a DHCP answer: the machine only claims its address, and what
 * it gets is a script whose token works once.
 */
export function decideEntry(mac: string, owner: MacOwner, progress: HostProgressStatus): EntryAnswer {
  const client: ClientFacts = {
    mac,
    stage: 'ipxe',
    arch: undefined,
    vendorClass: undefined,
    userClass: [],
    uuid: undefined,
    hostname: undefined,
    relay: 0,
  };
  const answer = decideBoot(client, owner, progress, { address: 0, httpBase: '', scriptPath: () => '' });
  return answer.kind === 'boot' ? { kind: 'script' } : { kind: 'nothing', reason: answer.reason };
}
