import type { InspectResult } from '../agent-protocol/messages.ts';
import { kubeTime } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import { IngotError, errorText } from '../core/errors.ts';
import { secureBootProblem } from './boot-mode.ts';
import { subscribeEvents, unsubscribeEvents } from './bmc-events.ts';
import { changeDataImage } from './data-image.ts';
import { deprovisioning } from './deprovisioning.ts';
import type { ProvisionerDoors } from './doors.ts';
import { awaitFlash, forgetFlashed } from './flashing.ts';
import { HealthWatch } from './health.ts';
import { ImageJobs } from './image-jobs.ts';
import { inspectFast } from './fast-inspection.ts';
import { inspection } from './inspection.ts';
import { liveIso } from './live-iso.ts';
import { Machine } from './machine.ts';
import { runOperation, settle, troubled } from './operation.ts';
import { endSoftOff, powerOff, powerOn, reboot, setIntent } from './power.ts';
import { preparing } from './preparing.ts';
import type {
  DataImageChange,
  FirmwareWish,
  HealthReport,
  HostContext,
  Outcome,
  ProvisionRequest,
  Provisioner,
  RaidWish,
  Registered,
} from './provisioner.ts';
import { provisionIdentity, provisioning } from './provisioning.ts';
import { raidDue } from './raid.ts';
import { Run, outcomeOf, unsupported } from './run.ts';
import { clearStaleJobs } from './stale-jobs.ts';
import { sameBmc } from './same-bmc.ts';
import { service } from './servicing.ts';

/** The provisioner of real machines: BMC, network boot and agent. */
export class NativeProvisioner implements Provisioner {
  readonly #doors: ProvisionerDoors;
  readonly #images: ImageJobs;
  readonly #health: HealthWatch;

  constructor(doors: ProvisionerDoors) {
    this.#doors = { ...doors, bmcs: sameBmc(doors.bmcs, doors.book) };
    this.#images = new ImageJobs(doors);
    this.#health = new HealthWatch(this.#doors);
  }

  async register(context: HostContext): Promise<Outcome<Registered>> {
    const run = new Run(this.#doors, context);
    const { clock, limits, bmcs } = this.#doors;
    try {
      using deadline = new Deadline(clock, 'the BMC to accept the credentials', limits.bmcMs, context.signal);
      const bmc = await bmcs.get(context);
      const problem = secureBootProblem(context.host, bmc);
      if (problem !== undefined) return problem;
      const info = await bmc.verify(deadline.signal);
      const poweredOn = (await bmc.powerState(deadline.signal)) === 'on';
      const suite = info.cipherSuite === undefined ? {} : { cipherSuite: info.cipherSuite };
      const address = context.host.spec.bmc?.address ?? '';
      await run.update({ bmc: { ...suite, address, poweredOn, lastContact: kubeTime(run.now) } });
      run.see('bmc', 'bmc-verified', `BMC answers with these credentials (${info.protocol})`);
      for (const warning of info.warnings ?? []) run.see('bmc', 'bmc-warning', warning);
      await clearStaleJobs(run, bmc);
      if (this.#doors.events !== undefined) await subscribeEvents(run, bmc);
      return { kind: 'done', id: run.host.metadata.uid ?? run.name, poweredOn };
    } catch (error) {
      return failure(run, error);
    }
  }

  async inspect(
    context: HostContext,
    options: { restart: boolean; force: boolean },
  ): Promise<Outcome<{ details: InspectResult['hardware'] }>> {
    const run = new Run(this.#doors, context);
    if (context.host.spec.inspectionMode === 'fast') return await inspectFast(run);
    let found: InspectResult | undefined;
    const table = inspection((result) => (found = result));
    const outcome = await runOperation(run, table, 'inspect', options.force && run.operation !== undefined);
    if (outcome.kind !== 'done') return outcome;
    // Only a call that heard the agent's answer itself may say done.
    if (found === undefined) return { kind: 'continue', requeueMs: 0, dirty: false };
    return { kind: 'done', details: found.hardware };
  }

  async prepare(context: HostContext, options: { firmware: FirmwareWish; raid?: RaidWish }): Promise<Outcome<object>> {
    const { firmware, raid } = options;
    const software = (context.host.spec.raid?.softwareRAIDVolumes?.length ?? 0) > 0;
    const settings = hasFirmwareSettings(context) ? 'spec.firmware' : undefined;
    const refused = software ? 'spec.raid.softwareRAIDVolumes' : settings;
    if (refused !== undefined) return unsupported(`${refused} is not supported`);
    const run = new Run(this.#doors, context);
    const volumes = (await raidDue(run, raid)) ? raid?.volumes : undefined;
    const noFirmware = Object.keys(firmware.settings).length === 0 && firmware.updates.length === 0;
    if (noFirmware && volumes === undefined && run.operation?.kind !== 'prepare') return { kind: 'done' };
    const waiting = await outcomeOf(() => awaitFlash(run, firmware.updates));
    if (waiting.kind !== 'done') return waiting;
    const request = volumes === undefined ? firmware : { firmware, raid: run.status.raid?.wanted };
    const outcome = await runOperation(run, preparing(firmware, volumes), request);
    if (outcome.kind === 'failed') await forgetFlashed(run);
    return outcome;
  }

  service(context: HostContext, options: { restart: boolean; firmware: FirmwareWish }): Promise<Outcome<object>> {
    return service(new Run(this.#doors, context), options.firmware, options.restart);
  }

  provision(context: HostContext, request: ProvisionRequest): Promise<Outcome<object>> {
    const run = new Run(this.#doors, context);
    if (request.image.format === 'live-iso') {
      return runOperation(run, liveIso(request), provisionIdentity(request), request.restart);
    }
    return runOperation(run, provisioning(request, this.#images), provisionIdentity(request), request.restart);
  }

  async deprovision(
    context: HostContext,
    options: { restart: boolean; cleaning: 'metadata' | 'disabled' },
  ): Promise<Outcome<object>> {
    const run = new Run(this.#doors, context);
    const waiting = await outcomeOf(() => awaitFlash(run));
    if (waiting.kind !== 'done') return waiting;
    return runOperation(run, deprovisioning(options.cleaning), options.cleaning);
  }

  async adopt(context: HostContext): Promise<Outcome<object>> {
    const run = new Run(this.#doors, context);
    await setIntent(run, 'disk');
    await settle(run);
    if (this.#doors.astray.take(run.key) && run.status.liveIso === undefined) await pointToDisk(run);
    return { kind: 'done' };
  }

  async forget(context: HostContext): Promise<Outcome<object>> {
    const run = new Run(this.#doors, context);
    this.#doors.board.forget(run.key);
    this.#doors.sessions.forget(run.key);
    this.#doors.astray.forget(run.key);
    this.#health.forget(run.key);
    this.#doors.recorder?.finish(run.key);
    await unsubscribeEvents(run);
    await this.#doors.bmcs.release(run.key);
    await run.update({
      boot: { intent: 'none', since: kubeTime(run.now) },
      agent: undefined,
      operation: undefined,
      ramdiskBoot: undefined,
      task: undefined,
      wait: undefined,
      firmware: undefined,
      bmc: undefined,
    });
    return { kind: 'done' };
  }

  async powerState(context: HostContext): Promise<Outcome<{ poweredOn: boolean | undefined }>> {
    const run = new Run(this.#doors, context);
    try {
      const poweredOn = (await new Machine(run).powerState()) === 'on';
      if (run.status.wait?.name === POWER_UNKNOWN) await run.update({ wait: undefined });
      if (!poweredOn) await endSoftOff(run);
      await settle(run);
      return { kind: 'done', poweredOn };
    } catch (error) {
      const result = await troubled(run, error, POWER_UNKNOWN);
      if (result.kind === 'failed') return result;
      return { kind: 'continue', requeueMs: result.kind === 'again' ? result.ms : 0, dirty: false };
    }
  }

  powerOn(context: HostContext): Promise<Outcome<object>> {
    return powerOn(new Run(this.#doors, context));
  }

  powerOff(context: HostContext, options: { mode: 'soft' | 'hard' }): Promise<Outcome<object>> {
    return powerOff(new Run(this.#doors, context), options.mode);
  }

  dataImage(context: HostContext, options: DataImageChange): Promise<Outcome<object>> {
    return changeDataImage(new Run(this.#doors, context), options);
  }

  health(context: HostContext): HealthReport | undefined {
    return this.#health.report(context);
  }

  reboot(context: HostContext, options: { mode: 'soft' | 'hard' }): Promise<Outcome<object>> {
    return reboot(new Run(this.#doors, context), options.mode);
  }
}

const POWER_UNKNOWN = 'the BMC to report the power state';

/** Best effort: a BMC that cannot be told now is told when the machine asks the network again. */
async function pointToDisk(run: Run): Promise<void> {
  try {
    await new Machine(run).bootDisk();
  } catch (error) {
    run.context.signal.throwIfAborted();
    run.see('bmc', 'bmc-trouble', errorText(error));
  }
}

function hasFirmwareSettings(context: HostContext): boolean {
  return Object.keys(context.host.spec.firmware ?? {}).length > 0;
}

/** Registration tells what is wrong at once: the person at the keyboard has just typed the address. */
function failure(run: Run, error: unknown): Extract<Outcome<object>, { kind: 'failed' }> {
  run.context.signal.throwIfAborted();
  if (!(error instanceof IngotError) || error.code.startsWith('STORE_')) throw error;
  run.see('bmc', 'bmc-refused', error.message);
  return { kind: 'failed', code: error.code, message: error.message };
}
