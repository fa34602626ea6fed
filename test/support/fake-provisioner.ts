import type { HardwareDetails } from '../../src/api/hardware.ts';
import type {
  DataImageChange,
  FirmwareWish,
  HealthReport,
  RaidWish,
  HostContext,
  Outcome,
  Provisioner,
  ProvisionRequest,
  Registered,
} from '../../src/provisioner/provisioner.ts';

export type Op = keyof Provisioner;

export interface Call {
  op: Op;
  host: string;
  options: unknown;
  /** State of the host as the provisioner saw it. */
  state: string;
  context: HostContext;
}

type Script =
  | { kind: 'failed'; code: string; message: string; untilEdited?: boolean }
  | { kind: 'throw'; error: Error };

export const SAMPLE_HARDWARE: HardwareDetails = {
  systemVendor: { manufacturer: 'QEMU', productName: 'Standard PC' },
  firmware: { bios: {} },
  ramMebibytes: 2048,
  nics: [{ name: 'eth0', mac: '52:54:00:00:00:01', ip: '192.0.2.10', pxe: true }],
  storage: [{ name: '/dev/vda', sizeBytes: 10_737_418_240, type: 'HDD', rotational: true }],
  cpu: { arch: 'x86_64', count: 2 },
  hostname: 'node-0',
};

/**
 * A machine that does as it is told. Each op succeeds at once unless a script says otherwise; `work` sets how many
 * `continue`s an op gives first. Calls are kept in `calls`.
 */
export class FakeProvisioner implements Provisioner {
  readonly calls: Call[] = [];
  /** Power of each machine, by `namespace/name`. */
  readonly power = new Map<string, boolean>();
  /** `continue`s an op gives before it is done. */
  readonly work: Partial<Record<Op, number>> = {};
  /** Ops that never get done while they are in here. */
  readonly held = new Set<Op>();
  requeueMs = 1_000;
  reported: boolean | 'unknown' | undefined;
  hardware: HardwareDetails = SAMPLE_HARDWARE;
  /** What the BMC says of the machine's health. */
  healthReport: HealthReport | undefined;
  /** Hosts whose health was asked for. */
  readonly healthAsked: string[] = [];
  readonly #scripts = new Map<Op, Script[]>();
  readonly #permanent = new Map<Op, Script>();
  readonly #left = new Map<string, number>();
  #servicing = false;

  /** The next `times` calls of `op` fail. */
  fail(op: Op, message: string, times = 1, extra: { code?: string; untilEdited?: boolean } = {}): void {
    const script: Script = { kind: 'failed', code: 'FAKE_FAILED', message, ...extra };
    this.#push(op, script, times);
  }

  failAlways(op: Op, message: string, code = 'FAKE_FAILED'): void {
    this.#permanent.set(op, { kind: 'failed', code, message });
  }

  heal(op: Op): void {
    this.#permanent.delete(op);
    this.#scripts.delete(op);
  }

  /** The next `times` calls of `op` throw. */
  throwing(op: Op, error: Error, times = 1): void {
    this.#push(op, { kind: 'throw', error }, times);
  }

  ops(): Op[] {
    return this.calls.map((c) => c.op);
  }

  of(op: Op): Call[] {
    return this.calls.filter((c) => c.op === op);
  }

  async register(
    host: HostContext,
    options: { restart: boolean; credentialsChanged: boolean },
  ): Promise<Outcome<Registered>> {
    const name = nameOf(host);
    return this.#run('register', host, options, () => ({
      id: `id-${host.host.metadata.uid ?? ''}`,
      poweredOn: this.power.get(name) ?? false,
    }));
  }

  async inspect(
    host: HostContext,
    options: { restart: boolean; force: boolean },
  ): Promise<Outcome<{ details: HardwareDetails }>> {
    return this.#run('inspect', host, options, () => {
      this.power.set(nameOf(host), true);
      return { details: structuredClone(this.hardware) };
    });
  }

  async prepare(
    host: HostContext,
    options: { restart: boolean; firmware: FirmwareWish; raid?: RaidWish },
  ): Promise<Outcome<object>> {
    return this.#run('prepare', host, options, () => ({}));
  }

  async service(host: HostContext, options: { restart: boolean; firmware: FirmwareWish }): Promise<Outcome<object>> {
    // As the real one: what has failed on a machine that runs waits for its next reboot.
    const on = this.power.get(nameOf(host)) === true;
    const wished = Object.keys(options.firmware.settings).length + options.firmware.updates.length > 0;
    if (options.restart && on && wished && !this.#servicing) {
      return { kind: 'continue', requeueMs: 60_000, dirty: false, idle: true };
    }
    const outcome = this.#run('service', host, options, () => ({}));
    this.#servicing = outcome.kind === 'continue';
    return outcome;
  }

  async provision(host: HostContext, options: ProvisionRequest): Promise<Outcome<object>> {
    return this.#run('provision', host, options, () => {
      this.power.set(nameOf(host), true);
      return {};
    });
  }

  async deprovision(
    host: HostContext,
    options: { restart: boolean; cleaning: 'metadata' | 'disabled' },
  ): Promise<Outcome<object>> {
    return this.#run('deprovision', host, options, () => ({}));
  }

  async adopt(host: HostContext): Promise<Outcome<object>> {
    return this.#run('adopt', host, undefined, () => ({}));
  }

  async forget(host: HostContext): Promise<Outcome<object>> {
    return this.#run('forget', host, undefined, () => ({}));
  }

  async powerState(host: HostContext): Promise<Outcome<{ poweredOn: boolean | undefined }>> {
    return this.#run('powerState', host, undefined, () => {
      const real = this.power.get(nameOf(host)) ?? false;
      return { poweredOn: this.reported === 'unknown' ? undefined : (this.reported ?? real) };
    });
  }

  async powerOn(host: HostContext, options: { force: boolean }): Promise<Outcome<object>> {
    return this.#run('powerOn', host, options, () => {
      this.power.set(nameOf(host), true);
      return {};
    });
  }

  async powerOff(host: HostContext, options: { mode: 'soft' | 'hard'; force: boolean }): Promise<Outcome<object>> {
    return this.#run('powerOff', host, options, () => {
      this.power.set(nameOf(host), false);
      return {};
    });
  }

  async dataImage(host: HostContext, options: DataImageChange): Promise<Outcome<object>> {
    return this.#run('dataImage', host, options, () => ({}));
  }

  health(host: HostContext): HealthReport | undefined {
    this.healthAsked.push(nameOf(host));
    return this.healthReport;
  }

  async reboot(host: HostContext, options: { mode: 'soft' | 'hard' }): Promise<Outcome<object>> {
    return this.#run('reboot', host, options, () => {
      this.power.set(nameOf(host), true);
      return {};
    });
  }

  #push(op: Op, script: Script, times: number): void {
    const list = this.#scripts.get(op) ?? [];
    for (let i = 0; i < times; i++) list.push(script);
    this.#scripts.set(op, list);
  }

  #run<T extends object>(op: Op, context: HostContext, options: unknown, finish: () => T): Outcome<T> {
    const host = nameOf(context);
    const state = context.host.status?.provisioning.state ?? '';
    this.calls.push({ op, host, options, state, context });
    const script = this.#permanent.get(op) ?? this.#scripts.get(op)?.shift();
    if (script?.kind === 'throw') throw script.error;
    if (script !== undefined) return script;
    const key = `${host} ${op}`;
    const left = this.#left.get(key) ?? this.work[op] ?? 0;
    if (left > 0 || this.held.has(op)) {
      this.#left.set(key, left - 1);
      return { kind: 'continue', requeueMs: this.requeueMs, dirty: true };
    }
    this.#left.delete(key);
    return { kind: 'done', ...finish() };
  }
}

function nameOf(context: HostContext): string {
  const { namespace = '', name } = context.host.metadata;
  return `${namespace}/${name}`;
}
