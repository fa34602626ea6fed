import type { DhcpEvent } from '../dhcp/events.ts';
import type { Sightings } from './sightings.ts';
import type { Observation, Timeline } from './timeline.ts';

const STAGE = { pxe: 'PXE firmware', http: 'UEFI HTTP boot', ipxe: 'iPXE', other: 'an operating system' } as const;

/** Tells the timeline of the host concerned what DHCP saw and did. Packets of unknown machines belong to no host. */
export function dhcpObserver(timeline: Timeline, sightings: Sightings): (event: DhcpEvent) => void {
  return (event) => {
    const mac = macOf(event);
    const host = mac === undefined ? undefined : sightings.hostOf(mac);
    if (mac === undefined || host === undefined) return;
    const address = addressOf(event);
    if (address !== '') sightings.seen(address, mac);
    const seen = observationOf(event);
    if (seen !== undefined) timeline.add(host, seen);
  };
}

function macOf(event: DhcpEvent): string | undefined {
  if (event.kind === 'malformed') return undefined;
  return event.kind === 'foreign-server' ? event.mac : event.client.mac;
}

/** Where the machine will be seen from now on; empty when the event does not tell. */
function addressOf(event: DhcpEvent): string {
  if (event.kind === 'foreign-server') return event.address;
  return event.kind === 'reply' && event.answer === 'ACK' ? event.address : '';
}

/** Pure. Undefined for what is of no interest. */
export function observationOf(event: DhcpEvent): Observation | undefined {
  switch (event.kind) {
    case 'reply': {
      const file = event.file === '' ? '' : `, boot file ${withoutSignature(event.file)}`;
      const address = event.address === '' ? '' : ` ${event.address}`;
      const text = `${event.request} from ${STAGE[event.client.stage]} (${event.client.mac}) answered: ${event.answer}${address}${file}`;
      return { source: 'dhcp', kind: `dhcp-${event.answer.toLowerCase()}`, text };
    }
    case 'silence':
      if (event.code === 'proxied') return undefined;
      return {
        source: 'dhcp',
        kind: 'dhcp-silent',
        text: `${event.request} from ${STAGE[event.client.stage]} (${event.client.mac}) not answered: ${event.reason}`,
      };
    case 'foreign-server':
      if (event.expected) {
        const address = event.address === '' ? 'an address' : event.address;
        return { source: 'dhcp', kind: 'dhcp-proxied', text: `takes ${address} from DHCP server ${event.server}` };
      }
      return {
        source: 'dhcp',
        kind: 'dhcp-foreign',
        text: `another DHCP server, ${event.server}, answers this machine`,
      };
    case 'malformed':
      return undefined;
  }
}

/** A signed URL opens what it names: timelines are read by more people than that. */
function withoutSignature(file: string): string {
  return file.replace(/\?.*$/, '');
}
