import type { Callback } from './acts.ts';
import type { Stage } from './stage.ts';

/** What `--json` prints. */
export interface Report {
  result: 'ok' | 'failed';
  error?: string;
  firmware: string;
  hosts?: number;
  /** Seconds: `state:NAME` is the longest that any host spent in that state; the others are steps of the demo. */
  phases: Record<string, number>;
  seconds?: number;
  /** Bytes that Ingot sent to machines, by what they were. */
  bytesServed?: Record<string, number>;
  /** Bytes that Ingot fetched from the image's own server. */
  bytesFetched?: number;
  /** SHA-256 of the image file, and of what Ingot made of it. */
  imageDigest?: string;
  manifestDigest?: string;
  callbacks?: Record<string, Callback>;
}

/** What was moved and proven, read while the hosts are provisioned. */
export async function report(stage: Stage, callbacks: Record<string, Callback>): Promise<Partial<Report>> {
  const metrics = await stage.engine.metrics();
  const bytesServed: Record<string, number> = {};
  for (const [, kind = '', value] of metrics.matchAll(/^ingot_served_bytes_total\{kind="([a-z]+)"\} (\d+)/gm))
    bytesServed[kind] = Number(value);
  const fetched = stage.web.events.map((e) => (e.event === 'served' ? e.bytes : 0));
  const manifest = stage.follower.progress(stage.hosts[0]?.name ?? '')?.status?.image?.manifestDigest;
  return {
    bytesServed,
    bytesFetched: fetched.reduce((a, b) => a + b, 0),
    imageDigest: `sha256:${stage.image.sha256}`,
    ...(manifest === undefined ? {} : { manifestDigest: manifest }),
    callbacks,
  };
}

/** Seconds per Metal3 state, the slowest host counts; `osBoot` is from provisioned to the call back. */
export function phaseSeconds(stage: Stage, callbacks: Record<string, Callback>): Record<string, number> {
  const out: Record<string, number> = {};
  const longest = (key: string, seconds: number) => {
    out[key] = Math.max(out[key] ?? 0, Math.round(seconds * 10) / 10);
  };
  for (const host of stage.hosts)
    for (const [state, seconds] of Object.entries(stage.follower.seconds(host.name)))
      if (state !== 'available' && state !== 'provisioned') longest(`state:${state}`, seconds);
  for (const { seconds } of Object.values(callbacks)) longest('osBoot', seconds);
  return out;
}

/** The same for a person. */
export function summary(result: Report): string {
  const lines = [result.result === 'ok' ? 'OK: from nothing to a running system and back' : `FAILED: ${result.error}`];
  for (const [phase, seconds] of Object.entries(result.phases))
    lines.push(`  ${phase.padEnd(24)} ${seconds.toFixed(1)} s`);
  for (const [kind, bytes] of Object.entries(result.bytesServed ?? {}))
    lines.push(`  served, ${kind.padEnd(16)} ${(bytes / 1e6).toFixed(1)} MB`);
  if (result.seconds !== undefined) lines.push(`  ${'in all'.padEnd(24)} ${result.seconds.toFixed(1)} s`);
  return `${lines.join('\n')}\n`;
}
