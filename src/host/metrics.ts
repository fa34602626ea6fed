import type { ObjectKey } from '../api/meta.ts';
import { unreachable } from '../core/errors.ts';
import type { Metrics } from '../core/metrics.ts';
import type { ErrorReason } from './events.ts';
import type { Operation } from './status.ts';

/** Something a pass wants counted once its status is saved. */
export type Note =
  | { metric: 'simple'; name: SimpleCounter }
  | { metric: 'error'; reason: ErrorReason }
  | { metric: 'power'; on: boolean }
  | { metric: 'delayed'; deprovisioning: boolean }
  | { metric: 'operation'; operation: Operation; seconds: number }
  | { metric: 'state'; from: string; to: string }
  | { metric: 'config-data'; field: 'userData' | 'networkData' | 'metaData' };

/** Counters without labels: name in code → name and help on the page (metal3-compat §7.2). */
const SIMPLE = {
  credentialsMissing: ['metal3_credentials_missing_total', 'BMC credentials Secret not found'],
  credentialsInvalid: ['metal3_credentials_invalid_total', 'BMC credentials or address malformed'],
  credentialsUnhandled: ['metal3_credentials_unhandled_error_total', 'BMC credentials could not be read'],
  credentialsUpdated: ['metal3_credentials_updated_total', 'BMC credentials changed and verified'],
  noManagementAccess: ['metal3_credentials_no_management_access_total', 'BMC access could not be verified'],
  registrationRequired: ['metal3_host_registration_required_total', 'passes in which a host had to be registered'],
  unmanaged: ['metal3_host_unmanaged_total', 'passes over hosts without a BMC'],
  deleteWithoutDeprovisioning: [
    'metal3_delete_without_deprovisioning_total',
    'hosts deleted although deprovisioning did not succeed',
  ],
  deleteWithoutPowerOff: ['metal3_delete_without_powering_off_total', 'hosts deleted although they are not off'],
  deleteDelayedForDetached: ['metal3_delete_delayed_for_detached_total', 'deletions waiting for a detached host'],
  reconcileError: ['metal3_reconcile_error_total', 'passes that ended with an error'],
} as const;

export type SimpleCounter = keyof typeof SIMPLE;

const PHASE_BUCKETS = [30, 90, 180, 360, 720, 1440];

/** Metal3's metrics of the host lifecycle, with its names. One object per process. */
export class HostMetrics {
  readonly #simple: Map<SimpleCounter, { inc(): void }>;
  readonly #errors;
  readonly #power;
  readonly #delayed;
  readonly #operations;
  readonly #states;
  readonly #configData;
  readonly #passes;

  constructor(metrics: Metrics) {
    const names = Object.keys(SIMPLE) as SimpleCounter[];
    this.#simple = new Map(names.map((n) => [n, metrics.counter(SIMPLE[n][0], SIMPLE[n][1])]));
    const host = ['namespace', 'host'] as const;
    this.#passes = metrics.counter('metal3_reconcile_total', 'passes over a host', [...host]);
    this.#errors = metrics.counter('metal3_host_error_total', 'failures recorded in a host', ['error_type']);
    this.#power = metrics.counter('metal3_operation_power_change_total', 'power changes', [...host, 'on_off']);
    this.#delayed = {
      provisioning: metrics.counter('metal3_delayed__provisioning_total', 'waits for a free slot', [...host]),
      deprovisioning: metrics.counter('metal3_delayed__deprovisioning_total', 'waits for a free slot', [...host]),
    };
    this.#states = metrics.counter('metal3_provisioning_state_change_total', 'moves between states', [
      'prev_state',
      'new_state',
    ]);
    this.#configData = metrics.counter('metal3_host_config_data_error_total', 'config data that could not be read', [
      'host_data_type',
    ]);
    const duration = (operation: Operation, buckets?: number[]) =>
      metrics.histogram(
        `metal3_operation_${operation}_duration_seconds`,
        `seconds spent in ${operation}`,
        [...host],
        buckets,
      );
    this.#operations = {
      register: duration('register'),
      inspect: duration('inspect', PHASE_BUCKETS),
      provision: duration('provision', PHASE_BUCKETS),
      deprovision: duration('deprovision', PHASE_BUCKETS),
    };
  }

  /** Counts the beginning of a pass. */
  pass(key: ObjectKey): void {
    this.#passes.inc(labels(key));
  }

  count(name: SimpleCounter): void {
    this.#simple.get(name)?.inc();
  }

  note(key: ObjectKey, note: Note): void {
    switch (note.metric) {
      case 'simple':
        return this.count(note.name);
      case 'error':
        return this.#errors.inc({ error_type: note.reason });
      case 'power':
        return this.#power.inc({ ...labels(key), on_off: note.on ? 'on' : 'off' });
      case 'delayed':
        return this.#delayed[note.deprovisioning ? 'deprovisioning' : 'provisioning'].inc(labels(key));
      case 'operation':
        return this.#operations[note.operation].observe(labels(key), note.seconds);
      case 'state':
        return this.#states.inc({ prev_state: note.from, new_state: note.to });
      case 'config-data':
        return this.#configData.inc({ host_data_type: note.field });
      default:
        return unreachable(note);
    }
  }
}

function labels(key: ObjectKey): { namespace: string; host: string } {
  return { namespace: key.namespace, host: key.name };
}
