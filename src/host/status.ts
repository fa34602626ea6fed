import type {
  BareMetalHostStatus,
  CredentialsStatus,
  HostErrorType,
  OperationMetric,
  OperationalStatus,
  ProvisioningState,
} from '../api/baremetalhost.ts';
import { kubeTime } from '../core/clock.ts';

export type Operation = 'register' | 'inspect' | 'provision' | 'deprovision';
type History = Record<Operation, OperationMetric>;

/** A status with every member that Metal3's own serialisation always writes (metal3-compat §1.1.2). */
export type HostStatus = BareMetalHostStatus & { operationHistory: History };

/** A deep copy of `status` in which the always-present members are present. */
export function completeStatus(status: Partial<BareMetalHostStatus> | undefined): HostStatus {
  const copy: Partial<BareMetalHostStatus> = structuredClone(status ?? {});
  const history = copy.operationHistory ?? {};
  return {
    ...copy,
    operationalStatus: copy.operationalStatus ?? '',
    errorMessage: copy.errorMessage ?? '',
    errorCount: copy.errorCount ?? 0,
    provisioningFailCount: copy.provisioningFailCount ?? 0,
    poweredOn: copy.poweredOn ?? false,
    provisioning: {
      ...copy.provisioning,
      state: copy.provisioning?.state ?? '',
      ID: copy.provisioning?.ID ?? '',
      image: copy.provisioning?.image ?? { url: '' },
    },
    goodCredentials: copy.goodCredentials ?? {},
    triedCredentials: copy.triedCredentials ?? {},
    operationHistory: {
      register: span(history.register),
      inspect: span(history.inspect),
      provision: span(history.provision),
      deprovision: span(history.deprovision),
    },
  };
}

function span(metric: OperationMetric | undefined): OperationMetric {
  return { start: metric?.start ?? null, end: metric?.end ?? null };
}

/** Records one more failure of a phase. */
export function setError(status: HostStatus, type: HostErrorType, message: string): void {
  status.operationalStatus = 'error';
  status.errorType = type;
  status.errorMessage = message;
  status.errorCount += 1;
}

/** Forgets the error itself; the count only goes back when a phase succeeds (metal3-compat §2.6). */
export function clearError(status: HostStatus, operational: OperationalStatus = 'OK'): void {
  status.operationalStatus = operational;
  delete status.errorType;
  status.errorMessage = '';
}

/** Which entry of operationHistory a state belongs to. */
export function operationOf(state: ProvisioningState): Operation | undefined {
  switch (state) {
    case 'registering':
      return 'register';
    case 'inspecting':
      return 'inspect';
    case 'provisioning':
      return 'provision';
    case 'deprovisioning':
      return 'deprovision';
    default:
      return undefined;
  }
}

/** Starts an operation's clock, unless it runs already. */
export function beginOperation(status: HostStatus, operation: Operation, nowMs: number): void {
  const metric = status.operationHistory[operation];
  if (metric.start !== null && metric.end === null) return;
  status.operationHistory[operation] = { start: kubeTime(nowMs), end: null };
}

/** Stops an operation's clock. Returns its length in seconds, undefined when it was not running. */
export function endOperation(status: HostStatus, operation: Operation, nowMs: number): number | undefined {
  const metric = status.operationHistory[operation];
  if (metric.start === null || metric.end !== null) return undefined;
  metric.end = kubeTime(nowMs);
  return Math.max(0, (nowMs - Date.parse(metric.start)) / 1000);
}

export function sameCredentials(a: CredentialsStatus | undefined, b: CredentialsStatus): boolean {
  return (
    a?.credentials?.name === b.credentials?.name &&
    a?.credentials?.namespace === b.credentials?.namespace &&
    a?.credentialsVersion === b.credentialsVersion
  );
}
