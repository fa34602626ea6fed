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
    if (event.kind === 'reply' && event.answer === 'ACK' && event.address !== '') sightings.seen(event.address, mac);
    const seen = observationOf(event);
    if (seen !== undefined) timeline.add(host, seen);
  };
}

function macOf(event: DhcpEvent): string | undefined {
  if (event.kind === 'malformed') return undefined;
  return event.kind === 'foreign-server' ? event.mac : event.client.mac;
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
      return {
        source: 'dhcp',
        kind: 'dhcp-silent',
        text: `${event.request} from ${STAGE[event.client.stage]} (${event.client.mac}) not answered: ${event.reason}`,
      };
    case 'foreign-server':
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
