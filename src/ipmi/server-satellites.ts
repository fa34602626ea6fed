import type { Chassis } from './chassis.ts';
import type { DeviceIdentity } from './commands/app/device-id.ts';
import { ServerCommands } from './server-commands.ts';
import type { SatelliteDoor } from './server-commands/bridge.ts';
import type { CommandParts } from './server-commands/handler.ts';
import type { BmcModel } from './server-model.ts';

/** A management controller behind a virtual BMC: another board of the machine, or a blade of its own. */
export interface Satellite {
  /** Channel of the controller before it; 0: the primary IPMB. */
  channel: number;
  /** Slave address, even, not 20h. */
  address: number;
  deviceId: DeviceIdentity;
  model: BmcModel;
  /** What its chassis commands act on; default: the machine of the BMC. */
  chassis?: Chassis;
  /** It takes messages and says nothing, as one does that hangs. */
  silent?: boolean;
  /** Controllers that only it can reach. */
  satellites?: readonly Satellite[];
}

type OuterParts = Omit<CommandParts, 'boot' | 'satellites'>;

/** Controllers that answer with what they are, and with all else as the BMC before them. */
export function satelliteDoors(satellites: readonly Satellite[], parts: OuterParts): SatelliteDoor[] {
  return satellites.map(({ channel, address, silent, deviceId, model, chassis = parts.chassis, ...more }) => {
    const own = { ...parts, deviceId, model, chassis };
    const commands = new ServerCommands({ ...own, satellites: satelliteDoors(more.satellites ?? [], own) });
    return {
      channel,
      address,
      run: async (request, sender) => (silent === true ? undefined : await commands.run(request, sender)),
    };
  });
}
