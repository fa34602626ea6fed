import type { Condition } from '../api/meta.ts';
import { kubeTime } from '../core/clock.ts';

export type Finding = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** Conditions of one generation; the time of one changes only with its status. */
export function conditionsOf(
  old: readonly Condition[] | undefined,
  findings: readonly Finding[],
  generation: number | undefined,
  nowMs: number,
): Condition[] {
  return findings.map((finding) => {
    const before = old?.find((c) => c.type === finding.type);
    const same = before?.status === finding.status;
    return {
      ...finding,
      lastTransitionTime: same ? before.lastTransitionTime : kubeTime(nowMs),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
  });
}
