import type { BareMetalHost, ProvisioningState } from '../api/baremetalhost.ts';
import type { Condition } from '../api/meta.ts';
import { isAvailable, isDeployed } from '../api/predicates.ts';
import { kubeTime } from '../core/clock.ts';
import type { HostStatus } from './status.ts';

type Finding = Pick<Condition, 'status' | 'reason' | 'message'>;

const WORKING: Partial<Record<ProvisioningState, string>> = {
  registering: 'Registering',
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
 */
export function computeConditions(
  host: BareMetalHost,
  status: HostStatus,
  nowMs: number,
  waiting: string | undefined,
): Condition[] {
  const health = status.conditions?.find((c) => c.type === 'Healthy');
  const findings: Record<string, Finding> = {
    Manageable: manageable(status),
    AvailableForProvisioning: availableForProvisioning(status),
    Provisioned: provisioned(status),
    Ready: ready(status),
    Progressing: progressing(status, waiting),
    Healthy: health ?? { status: 'Unknown', reason: 'Unknown', message: 'the BMC does not report health' },
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

function yes(reason: string): Finding {
  return { status: 'True', reason, message: '' };
}

function no(reason: string, message: string): Finding {
  return { status: 'False', reason, message };
}
