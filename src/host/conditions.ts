import type { BareMetalHost, ProvisioningState } from '../api/baremetalhost.ts';
import type { Condition } from '../api/meta.ts';
import { isAvailable, isDeployed } from '../api/predicates.ts';
import { kubeTime } from '../core/clock.ts';
import { unreachable } from '../core/errors.ts';
import type { HealthReport } from '../provisioner/provisioner.ts';
import type { HostStatus } from './status.ts';

type Finding = Pick<Condition, 'status' | 'reason' | 'message'>;

const WORKING: Partial<Record<ProvisioningState, string>> = {
  registering: 'Registering',
  'match profile': 'Inspecting',
  inspecting: 'Inspecting',
  preparing: 'Preparing',
  provisioning: 'Provisioning',
  deprovisioning: 'Deprovisioning',
  'powering off before delete': 'PoweringOffBeforeDelete',
  deleting: 'Deleting',
};

/**
 * The conditions of metal3-compat §2.4, computed from the status alone. A condition keeps its lastTransitionTime for as
 * long as its status (True, False, Unknown) stays.
 * @param waiting what the current state waits for, in plain words; becomes the message of Progressing
 * @param health what the BMC says; undefined: nothing new, Healthy stays as it is
 */
export function computeConditions(
  host: BareMetalHost,
  status: HostStatus,
  nowMs: number,
  waiting: string | undefined,
  health?: HealthReport,
): Condition[] {
  const findings: Record<string, Finding> = {
    Manageable: manageable(status),
    AvailableForProvisioning: availableForProvisioning(status),
    Provisioned: provisioned(status),
    Ready: ready(status),
    Progressing: progressing(status, waiting),
    Healthy: health === undefined ? lastHealth(status) : healthy(health),
  };
  return Object.entries(findings).map(([type, finding]) => {
    const previous = status.conditions?.find((c) => c.type === type);
    const kept = previous?.status === finding.status ? previous.lastTransitionTime : undefined;
    return {
      type,
      status: finding.status,
      reason: finding.reason,
      message: finding.message,
      lastTransitionTime: kept ?? kubeTime(nowMs),
      ...(host.metadata.generation === undefined ? {} : { observedGeneration: host.metadata.generation }),
    };
  });
}

function manageable(status: HostStatus): Finding {
  const { state } = status.provisioning;
  if (state === '' || state === 'unmanaged') return no('NotManaged', 'no BMC is configured');
  switch (status.errorType) {
    case 'registration error':
    case 'provisioned registration error':
      return no('RegistrationFailed', status.errorMessage);
    case 'power management error':
      return no('PowerFailure', status.errorMessage);
    default:
      return state === 'registering' ? no('Registering', '') : yes('Manageable');
  }
}

function availableForProvisioning(status: HostStatus): Finding {
  return isAvailable(status.provisioning.state) ? yes('Available') : no('NotAvailable', '');
}

function provisioned(status: HostStatus): Finding {
  return isDeployed(status.provisioning.state) ? yes('Provisioned') : no('NotProvisioned', '');
}

function ready(status: HostStatus): Finding {
  switch (status.operationalStatus) {
    case 'error':
      return no('Error', status.errorMessage);
    case 'detached':
      return no('Detached', '');
    case 'servicing':
      return no('Servicing', '');
    default:
      return provisioned(status);
  }
}

function progressing(status: HostStatus, waiting: string | undefined): Finding {
  if (status.operationalStatus === 'detached') return no('Detached', '');
  const reason = WORKING[status.provisioning.state];
  if (reason === undefined) return no('NotProgressing', waiting ?? '');
  return { status: 'True', reason, message: waiting ?? '' };
}

function lastHealth(status: HostStatus): Finding {
  const last = status.conditions?.find((c) => c.type === 'Healthy');
  return last ?? { status: 'Unknown', reason: 'Unknown', message: 'no BMC has told yet' };
}

function healthy({ health, parts }: HealthReport): Finding {
  const degraded = parts.length === 0 ? 'the BMC names no part' : parts.join(', ');
  switch (health) {
    case 'ok':
      return yes('Healthy');
    case 'warning':
      return no('Warning', degraded);
    case 'critical':
      return no('CriticalError', degraded);
    case undefined:
      return { status: 'Unknown', reason: 'Unknown', message: 'the BMC does not report health' };
    default:
      return unreachable(health);
  }
}

function yes(reason: string): Finding {
  return { status: 'True', reason, message: '' };
}

function no(reason: string, message: string): Finding {
  return { status: 'False', reason, message };
}
