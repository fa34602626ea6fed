import { shown } from '../check.ts';
import { passPowerAction } from '../gates.ts';
import type { MachineAction } from '../machine-door.ts';
import { Refusal } from '../messages.ts';
import { type Call, NO_CONTENT, type Reply } from '../router.ts';

const ACTIONS: Readonly<Record<string, MachineAction>> = {
  On: 'on',
  ForceOn: 'on',
  ForceOff: 'force-off',
  GracefulShutdown: 'graceful-off',
  GracefulRestart: 'graceful-restart',
  ForceRestart: 'force-restart',
  PowerCycle: 'power-cycle',
  Nmi: 'nmi',
};

/** `#ComputerSystem.Reset`. */
export async function resetSystem(call: Call): Promise<Reply> {
  const { service, body } = call;
  const type = body['ResetType'];
  if (type === undefined) {
    throw new Refusal(400, 'ActionParameterMissing', ['ComputerSystem.Reset', 'ResetType']);
  }
  const known = typeof type === 'string' && service.personality.resetTypes.includes(type);
  if (!known) {
    if (service.quirks.has('unknown-reset-accepted')) return NO_CONTENT;
    throw new Refusal(400, 'ActionParameterValueNotInList', [shown(type), 'ResetType', 'ComputerSystem.Reset']);
  }
  passPowerAction(service, type);
  const { machine } = service;
  const action = type === 'PushPowerButton' ? (machine.power() === 'Off' ? 'on' : 'graceful-off') : ACTIONS[type];
  if (action === undefined) throw new Refusal(400, 'ActionParameterNotSupported', ['ResetType', 'Reset']);
  const off = machine.power() === 'Off';
  if (off && action !== 'on' && action !== 'force-off') {
    throw new Refusal(409, 'ActionParameterValueConflict', ['ResetType', 'the machine is off']);
  }
  if ((off && action === 'force-off') || (!off && action === 'on')) return NO_CONTENT;
  await machine.act(action);
  return NO_CONTENT;
}
