import { kubeEvent } from '../api/events.ts';
import type { KubeObject } from '../api/meta.ts';
import { EVENT } from '../api/resources.ts';
import { kubeTime } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { ControllerDoors } from './doors.ts';

/** Says that a wish is not valid, in Metal3's words and under its name. Events are a courtesy: one may be lost. */
export async function announceInvalid(
  doors: ControllerDoors,
  object: KubeObject,
  controller: 'hostfirmwaresettings' | 'hostfirmwarecomponents',
  messages: readonly string[],
): Promise<void> {
  const component = `metal3-${controller}-controller`;
  const facts = { object, reason: 'ValidationFailed', component, reporter: `metal3.io/${controller}-controller` };
  for (const message of messages) {
    try {
      await doors.store.create(EVENT, kubeEvent({ ...facts, message, time: kubeTime(doors.clock.now()) }));
    } catch (error) {
      doors.log.warn('event not written', { object: object.metadata.name, error: errorText(error) });
    }
  }
}
