import { kubeTime } from '../../core/clock.ts';
import type { CustomResourceDefinition } from '../../api/registry/crd.ts';

/** A definition as a client sees it: with the status that says it is served, so that `kubectl wait` on it works. */
export function establishedCrd(crd: CustomResourceDefinition, now: number): CustomResourceDefinition {
  const lastTransitionTime = crd.metadata.creationTimestamp ?? kubeTime(now - (now % 1000));
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: 'True',
    reason,
    message,
    lastTransitionTime,
  });
  return {
    ...crd,
    status: {
      acceptedNames: crd.spec.names,
      storedVersions: crd.spec.versions.filter((v) => v.storage).map((v) => v.name),
      conditions: [
        condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
        condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ],
    },
  };
}
