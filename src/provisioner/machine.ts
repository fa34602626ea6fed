import type { Bmc, BootOverride, PowerState } from '../bmc/bmc.ts';
import { kubeTime } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import type { Run } from './run.ts';

/** The machine as its BMC sees it. Every call has a deadline, is verified by the driver, and leaves a line in the timeline. */
export class Machine {
  readonly #run: Run;

  constructor(run: Run) {
    this.#run = run;
  }

  async powerState(): Promise<PowerState> {
    const state = await this.#call('BMC to report the power state', (bmc, signal) => bmc.powerState(signal));
    this.#remember(state);
    return state;
  }

  /** Off, without asking the OS. */
  async off(): Promise<void> {
    if ((await this.powerState()) === 'off') return;
    await this.#call('BMC to power off', (bmc, signal) => bmc.setPower('off', signal));
    this.#remember('off');
    this.#run.see('bmc', 'power-off', 'powered off, verified');
  }

  async on(): Promise<void> {
    if ((await this.powerState()) === 'on') return;
    await this.#call('BMC to power on', (bmc, signal) => bmc.setPower('on', signal));
    this.#remember('on');
    this.#run.see('bmc', 'power-on', 'powered on, verified');
  }

  /** A fresh start without a power off in between. */
  async reset(): Promise<void> {
    await this.#call('BMC to reset the machine', (bmc, signal) => bmc.setPower('reset', signal));
    this.#remember('on');
    this.#run.see('bmc', 'power-reset', 'reset, power verified');
  }

  async askOff(): Promise<void> {
    await this.#call('BMC to pass on the shutdown', (bmc, signal) => bmc.setPower('soft-off', signal));
    this.#run.see('bmc', 'soft-off', 'asked the OS to shut down');
  }

  /** One network boot; what comes after is as configured. */
  async bootNetworkOnce(): Promise<void> {
    await this.#boot({ device: 'pxe', persistence: 'once', firmware: this.#run.firmware });
    this.#run.see('bmc', 'boot-network-set', 'next boot is set to network, read back');
  }

  async bootDisk(): Promise<void> {
    await this.#boot({ device: 'disk', persistence: 'persistent', firmware: this.#run.firmware });
    this.#run.see('bmc', 'boot-disk-set', 'boot device is set to disk, read back');
  }

  #boot(override: BootOverride): Promise<void> {
    return this.#call('BMC to take the boot device', (bmc, signal) => bmc.setBootOverride(override, signal));
  }

  async #call<T>(name: string, action: (bmc: Bmc, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { doors, context } = this.#run;
    using deadline = new Deadline(doors.clock, name, doors.limits.bmcMs, context.signal);
    return action(await doors.bmcs.get(context), deadline.signal);
  }

  #remember(state: PowerState): void {
    const { doors, key, status, now } = this.#run;
    const poweredOn = state === 'on';
    const stale = now - Date.parse(status.bmc?.lastContact ?? '1970-01-01') > 30_000;
    if (status.bmc?.poweredOn === poweredOn && !stale) return;
    doors.book.note(key, { bmc: { ...status.bmc, poweredOn, lastContact: kubeTime(now) } });
  }
}
