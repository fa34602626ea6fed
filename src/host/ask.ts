import type { DataImage, DataImageStatus } from '../api/bmc-extras.ts';
import type { HardwareDetails } from '../api/hardware.ts';
import type { ConfigData, FirmwareWish, Outcome, Provisioner, ProvisionRequest } from '../provisioner/provisioner.ts';
import type { FirmwareAnswer } from './firmware.ts';

/**
 * What the pure lifecycle asks of the world. The lifecycle is a generator: it yields one of these and is resumed with
 * the answer, so that the whole of it can be run, and replayed, without any I/O. `reconcile.ts` has the answers.
 */
type ProvisionerOp = Exclude<keyof Provisioner, 'health'>;

type OptionsOf<Op extends ProvisionerOp> =
  Parameters<NonNullable<Provisioner[Op]>> extends [unknown, infer Options] ? Options : undefined;

type ProvisionerQuestions = { [Op in ProvisionerOp]: OptionsOf<Op> };
type ProvisionerAnswers = { [Op in ProvisionerOp]: Awaited<ReturnType<NonNullable<Provisioner[Op]>>> };

/** Why the config data of a host cannot be used. */
export interface ConfigProblem {
  field: 'userData' | 'networkData' | 'metaData';
  /** Pending: a Secret or key is not there yet. Invalid: only an edit helps. */
  kind: 'pending' | 'invalid';
  message: string;
}

export type ConfigResult = { ok: true; config: ConfigData } | { ok: false; problem: ConfigProblem };

export interface Questions extends ProvisionerQuestions {
  /** Reads the Secrets of userData, networkData and metaData and merges them. */
  'config-data': undefined;
  /** Is there a slot for one more busy host? A yes reserves it until the end of the pass. */
  'free-slot': undefined;
  /** Another host that owns the same boot MAC, as `namespace/name`. */
  'boot-mac-owner': undefined;
  /** Replaces the HardwareData object. */
  'store-hardware': { details: HardwareDetails };
  /** What HostFirmwareSettings and HostFirmwareComponents ask for. */
  firmware: undefined;
  /** The same for a machine that has an OS: as much of it as HostUpdatePolicy lets be done at a reboot. */
  'live-firmware': undefined;
  'firmware-applied': { wish: FirmwareWish };
  'firmware-failed': undefined;
  /** The DataImage of this host; undefined when it has none. */
  'data-image': undefined;
  'data-image-noted': { image: DataImage; status: DataImageStatus };
  /** Gives up finalizers on Secrets and HardwareData before the host itself goes. */
  release: undefined;
  /** Gives up the credentials Secret used before a change of credentialsName. */
  'release-secret': { name: string };
}

export interface Answers extends ProvisionerAnswers {
  'config-data': ConfigResult;
  'free-slot': boolean;
  'boot-mac-owner': string | undefined;
  'store-hardware': undefined;
  firmware: FirmwareAnswer;
  'live-firmware': FirmwareAnswer;
  'firmware-applied': undefined;
  'firmware-failed': undefined;
  'data-image': DataImage | undefined;
  'data-image-noted': undefined;
  release: undefined;
  'release-secret': undefined;
}

export type AskKind = keyof Questions;
export type Ask = { [K in AskKind]: { ask: K; options: Questions[K] } }[AskKind];

/** A piece of the lifecycle that may ask questions on its way to a result. */
export type Steps<Result> = Generator<Ask, Result, Answers[AskKind]>;

/** Asks one question. The driver answers each kind with its own type, which is what the two casts rest on. */
export function* ask<K extends AskKind>(kind: K, options: Questions[K]): Steps<Answers[K]> {
  return (yield { ask: kind, options } as Ask) as Answers[K];
}

export type { Outcome, ProvisionRequest };
