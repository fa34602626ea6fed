import type { HostProgressStatus, TimelineEntry } from '../api/hostprogress.ts';
import { lastSeenMs } from './timeline.ts';

/** How far a network boot has come, furthest last. */
const STAGES = ['power', 'dhcp', 'loader', 'script', 'ramdisk', 'agent'] as const;
export type BootStage = (typeof STAGES)[number];

/** Which observations prove that a stage was reached. */
const PROOF: Readonly<Record<string, BootStage>> = {
  'dhcp-discover': 'dhcp',
  'dhcp-request': 'dhcp',
  'dhcp-offer': 'dhcp',
  'dhcp-ack': 'dhcp',
  'dhcp-silent': 'dhcp',
  'dhcp-proxied': 'dhcp',
  'tftp-sent': 'loader',
  'http-loader': 'loader',
  'http-script': 'script',
  'http-kernel': 'ramdisk',
  'http-ramdisk': 'ramdisk',
  'agent-registered': 'agent',
  'agent-refused': 'agent',
};

/** Does the entry prove that the machine itself is at work? */
export function isBootSign(entry: TimelineEntry): boolean {
  return PROOF[entry.kind] !== undefined;
}

/** The furthest stage that was seen since `sinceMs`. */
export function bootStage(timeline: readonly TimelineEntry[], sinceMs: number): BootStage {
  let furthest = 0;
  for (const entry of timeline) {
    const stage = PROOF[entry.kind];
    if (stage !== undefined && lastSeenMs(entry) >= sinceMs) furthest = Math.max(furthest, STAGES.indexOf(stage));
  }
  return STAGES[furthest] ?? 'power';
}

/**
 * What a network boot that does not come on lacks, in one sentence that ends with what to check.
 * @param mac the address the machine should boot from
 */
export function diagnoseBoot(status: HostProgressStatus, mac: string | undefined, nowMs: number): string {
  const timeline = status.timeline ?? [];
  const poweredOn = timeline.findLast((e) => e.kind === 'power-on');
  const since = poweredOn === undefined ? Date.parse(status.ramdiskBoot?.since ?? '1970-01-01') : lastSeenMs(poweredOn);
  const on = poweredOn === undefined ? 'not powered on yet' : `powered on ${age(nowMs - since)} ago`;
  // Stamps are whole seconds: an answer in the same second belongs to this boot.
  const stage = bootStage(timeline, since - 1000);
  if (status.media !== undefined && stage !== 'agent') return `${on}, ${mediaText(status, nowMs)}`;
  return `${on}, ${STAGE_TEXT[stage](mac ?? 'the host', timeline)}`;
}

const STAGE_TEXT: Readonly<Record<BootStage, (mac: string, timeline: readonly TimelineEntry[]) => string>> = {
  power: (mac) => `no DHCP request from ${mac} seen; check cabling or boot order`,
  dhcp: (mac, timeline) => {
    const silent = timeline.findLast((e) => e.kind === 'dhcp-silent');
    const ack = timeline.findLast((e) => e.kind === 'dhcp-ack' || e.kind === 'dhcp-offer');
    if (silent !== undefined && (ack === undefined || lastSeenMs(silent) > lastSeenMs(ack))) {
      return `its DHCP request was not answered: ${silent.text}`;
    }
    return `DHCP was answered for ${mac}, but the boot loader was not fetched; check that UDP port 69 is open and that no other DHCP server answers`;
  },
  loader: () =>
    'the boot loader was fetched, but no iPXE script was asked for; check the machine’s console and the HTTP port',
  script: () => 'the iPXE script was fetched, but not the kernel; check the machine’s console and the HTTP port',
  ramdisk: () =>
    'the ramdisk was fetched, but its agent has not registered; look at the machine’s serial console, and check that the agent port is reachable',
  agent: (_, timeline) => {
    const last = timeline.findLast((e) => e.kind === 'agent-refused' || e.kind === 'agent-registered');
    return last?.kind === 'agent-refused' ? last.text : 'the agent registered and then went silent';
  },
};

/** What a boot from an ISO lacks: many BMCs fetch only what is read, so that it need never be fetched whole. */
function mediaText(status: HostProgressStatus, nowMs: number): string {
  const { media, mediaFetch } = status;
  const fetcher = media?.method === 'uefi-http' ? 'firmware' : 'BMC';
  if (mediaFetch === undefined || mediaFetch.attempt !== media?.attempt) {
    return `the ${fetcher} has not fetched the ISO; check that it reaches this server’s HTTP port from its network`;
  }
  const fetched = `the ${fetcher} has fetched ${mediaFetch.percent} % of the ISO, last ${age(nowMs - Date.parse(mediaFetch.at))} ago`;
  return `${fetched}, but the agent has not registered; check that the machine boots its virtual CD, its console, and that the network of the ramdisk reaches the agent port`;
}

/** "95 s", "3 min", "2 h": as people say how long ago something was. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
