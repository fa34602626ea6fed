import type { BootOverride, PowerState } from '../bmc/bmc.ts';
import type { VirtualMediaControl } from '../bmc/capabilities.ts';
import { bmcErrors } from '../bmc/errors.ts';
import { kubeTime } from '../core/clock.ts';
import type { Run } from './run.ts';

/** The machine as its BMC sees it. Every call has a deadline, is verified by the driver, and leaves a line in the timeline. */
export class Machine {
  readonly #run: Run;

  constructor(run: Run) {
    this.#run = run;
  }

  async powerState(): Promise<PowerState> {
    const state = await this.#run.withBmc('BMC to report the power state', (bmc, signal) => bmc.powerState(signal));
    this.#remember(state);
    return state;
  }

  /** Off, without asking the OS. */
  async off(): Promise<void> {
    if ((await this.powerState()) === 'off') return;
    await this.#run.withBmc('BMC to power off', (bmc, signal) => bmc.setPower('off', signal));
    this.#remember('off');
    this.#run.see('bmc', 'power-off', 'powered off, verified');
  }

  async on(): Promise<void> {
    if ((await this.powerState()) === 'on') return;
    await this.#run.withBmc('BMC to power on', (bmc, signal) => bmc.setPower('on', signal));
    this.#remember('on');
    this.#run.see('bmc', 'power-on', 'powered on, verified');
  }

  /** A fresh start without a power off in between. */
  async reset(): Promise<void> {
    await this.#run.withBmc('BMC to reset the machine', (bmc, signal) => bmc.setPower('reset', signal));
    this.#remember('on');
    this.#run.see('bmc', 'power-reset', 'reset, power verified');
  }

  async askOff(): Promise<void> {
    await this.#run.withBmc('BMC to pass on the shutdown', (bmc, signal) => bmc.setPower('soft-off', signal));
    this.#run.see('bmc', 'soft-off', 'asked the OS to shut down');
  }

  /** One network boot; what comes after is as configured. */
  async bootNetworkOnce(): Promise<void> {
    await this.#boot({ device: 'pxe', persistence: 'once', firmware: this.#run.firmware });
    this.#run.see('bmc', 'boot-network-set', 'next boot is set to network, read back');
  }

  /**
   * Puts an ISO into the BMC's virtual CD; whatever was in any other is ejected: the firmware might boot that.
   * @throws BMC_UNSUPPORTED, BMC_MEDIA_NOT_ACCEPTED
   */
  async insertMedia(url: string, what = 'the ramdisk’s ISO'): Promise<void> {
    const slot = await this.#media('BMC to insert the ISO', (media, signal) =>
      media.insert(url, { keepOthers: false }, signal),
    );
    this.#run.see('bmc', 'media-inserted', `${what} is inserted into ${slot.name}, read back`);
  }

  /** Ejects the virtual CDs. */
  async ejectMedia(): Promise<void> {
    await this.#media('BMC to eject the ISO', (media, signal) => media.eject(undefined, signal));
    this.#run.see('bmc', 'media-ejected', 'the virtual CD is ejected, read back');
  }

  async bootCdOnce(): Promise<void> {
    await this.#boot({ device: 'cdrom', persistence: 'once', firmware: this.#run.firmware });
    this.#run.see('bmc', 'boot-media-set', 'next boot is set to the virtual CD, read back');
  }

  /** The virtual CD at every start, whatever is on the disk. */
  async bootCdAlways(): Promise<void> {
    await this.#boot({ device: 'cdrom', persistence: 'persistent', firmware: this.#run.firmware });
    this.#run.see('bmc', 'boot-media-set', 'boot device is set to the virtual CD, read back');
  }

  /** One boot of what the firmware fetches itself; only UEFI can. */
  async bootHttpOnce(url: string): Promise<void> {
    await this.#boot({ device: 'http', persistence: 'once', firmware: 'uefi', httpUri: url });
    this.#run.see('bmc', 'boot-media-set', 'next boot is set to UEFI HTTP of the ramdisk’s ISO, read back');
  }

  async bootDisk(): Promise<void> {
    await this.#boot({ device: 'disk', persistence: 'persistent', firmware: this.#run.firmware });
    this.#run.see('bmc', 'boot-disk-set', 'boot device is set to disk, read back');
  }

  #boot(override: BootOverride): Promise<void> {
    return this.#run.withBmc('BMC to take the boot device', (bmc, signal) => bmc.setBootOverride(override, signal));
  }

  #media<T>(name: string, action: (media: VirtualMediaControl, signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#run.withBmc(name, (bmc, signal) => {
      if (bmc.media !== undefined) return action(bmc.media, signal);
      throw bmcErrors.make('BMC_UNSUPPORTED', `BMC ${bmc.address} has no virtual media`);
    });
  }

  #remember(state: PowerState): void {
    const { doors, key, status, now } = this.#run;
    const poweredOn = state === 'on';
    const stale = now - Date.parse(status.bmc?.lastContact ?? '1970-01-01') > 30_000;
    if (status.bmc?.poweredOn === poweredOn && !stale) return;
    doors.book.note(key, { bmc: { ...status.bmc, poweredOn, lastContact: kubeTime(now) } });
  }
}
