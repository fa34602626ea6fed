import type { BareMetalHost } from '../api/baremetalhost.ts';
import { keyOf } from '../api/meta.ts';
import { DATA_IMAGE } from '../api/resources.ts';
import { orMissing } from '../store/or-missing.ts';
import { replaceHardwareData } from './hardware-data.ts';
import type { BmcCredentials, HostContext, Outcome, Provisioner } from '../provisioner/provisioner.ts';
import type { Store } from '../store/store.ts';
import { unreachable } from '../core/errors.ts';
import type { Answers, Ask, AskKind } from './ask.ts';
import { noteFirmwareApplied, noteFirmwareFailed, readFirmwareWish, readLiveFirmwareWish } from './firmware.ts';
import type { HostIndex } from './host-index.ts';
import type { Pass } from './pass.ts';
import { readConfigData, releaseNetworkSecret, releaseSecret } from './secrets.ts';

/** What is needed to answer the questions of one pass. */
export interface AnswerDoors {
  store: Store;
  provisioner: Provisioner;
  index: HostIndex;
  pass: Pass;
  credentials: BmcCredentials | undefined;
  signal: AbortSignal;
}

/** Answers one question of the lifecycle. All I/O of the lifecycle is here and in `reconcile.ts`. */
export async function answer(doors: AnswerDoors, question: Ask): Promise<Answers[AskKind]> {
  const { store, provisioner, index, pass } = doors;
  const { host } = pass;
  switch (question.ask) {
    case 'config-data':
      return await readConfigData(store, host);
    case 'free-slot':
      return index.takeSlot(keyOf(host), pass.config.provisioningLimit);
    case 'boot-mac-owner':
      return index.bootMacOwner(host);
    case 'store-hardware':
      await replaceHardwareData(store, host, question.options.details);
      return undefined;
    case 'firmware':
      return await readFirmwareWish(store, host);
    case 'live-firmware':
      return await readLiveFirmwareWish(store, host);
    case 'firmware-applied':
      await noteFirmwareApplied(store, host, question.options.wish);
      return undefined;
    case 'firmware-failed':
      await noteFirmwareFailed(store, host);
      return undefined;
    case 'data-image':
      return await orMissing(store.get(DATA_IMAGE, keyOf(host)));
    case 'data-image-noted':
      await orMissing(store.updateStatus(DATA_IMAGE, { ...question.options.image, status: question.options.status }));
      return undefined;
    case 'release':
      await releaseSecret(store, host, host.spec.bmc?.credentialsName ?? '', 'keep');
      await releaseNetworkSecret(store, host, index.othersHold(host, host.spec.preprovisioningNetworkDataName ?? ''));
      return undefined;
    case 'release-secret':
      await releaseSecret(store, host, question.options.name, 'drop');
      return undefined;
    default:
      return await callProvisioner(provisioner, context(doors), question);
  }
}

/** The provisioner sees the host with the status as drafted so far: hints and boot mode of this pass, not of the last. */
function context(doors: AnswerDoors): HostContext {
  const { pass, credentials, signal } = doors;
  const host: BareMetalHost = { ...pass.host, status: structuredClone(pass.status) };
  return { host, credentials, signal };
}

type ProvisionerAsk = Extract<Ask, { ask: keyof Provisioner }>;

async function callProvisioner(
  provisioner: Provisioner,
  host: HostContext,
  question: ProvisionerAsk,
): Promise<Answers[Exclude<keyof Provisioner, 'health'>]> {
  switch (question.ask) {
    case 'register':
      return await provisioner.register(host, question.options);
    case 'inspect':
      return await provisioner.inspect(host, question.options);
    case 'prepare':
      return await provisioner.prepare(host, question.options);
    case 'service':
      return await provisioner.service(host, question.options);
    case 'provision':
      return await provisioner.provision(host, question.options);
    case 'deprovision':
      return await provisioner.deprovision(host, question.options);
    case 'adopt':
      return await provisioner.adopt(host);
    case 'forget':
      return await provisioner.forget(host);
    case 'powerState':
      return await provisioner.powerState(host);
    case 'powerOn':
      return await provisioner.powerOn(host, question.options);
    case 'powerOff':
      return await provisioner.powerOff(host, question.options);
    case 'dataImage':
      return await provisioner.dataImage(host, question.options);
    case 'reboot':
      return (await provisioner.reboot?.(host, question.options)) ?? noReboot;
    default:
      return unreachable(question);
  }
}

const noReboot: Outcome<object> = {
  kind: 'failed',
  code: 'HOST_REBOOT_UNSUPPORTED',
  message: 'spec.disablePowerOff is set, and this BMC driver cannot reboot without a power off',
};
