import type { Logger } from '../../core/log.ts';
import type { Clock } from '../../core/clock.ts';
import type { Chassis } from '../chassis.ts';
import type { DeviceIdentity } from '../commands/app/device-id.ts';
import type { AuthCapabilities } from '../commands/session/auth-capabilities.ts';
import { Completion, THIS_CHANNEL } from '../numbers.ts';
import type { ServerFaults } from '../server-faults.ts';
import type { BmcModel } from '../server-model.ts';
import type { ActiveState } from '../server-session.ts';
import type { LanMessage } from '../lan-message.ts';
import type { BootFlagKeeper } from './boot-flags.ts';
import type { SatelliteDoor } from './bridge.ts';
import type { CipherSuite } from '../suites.ts';

/** LAN channel number that the virtual BMC claims to have. */
export const CHANNEL = 1;

export interface Answer {
  completion: number;
  data?: Uint8Array;
  /** Set by Close Session: the session ends once the answer is sent. */
  closes?: number;
  /** Set by Send Message: messages that go to the sender after the answer. */
  follows?: Promise<readonly LanMessage[]>;
}

export interface CommandParts {
  chassis: Chassis;
  deviceId: DeviceIdentity;
  guid: Uint8Array;
  suites: readonly CipherSuite[];
  faults: ServerFaults;
  log: Logger;
  /** What Get Channel Authentication Capabilities says, the channel aside. */
  capabilities: Omit<AuthCapabilities, 'channel'>;
  clock: Clock;
  model: BmcModel;
  boot: BootFlagKeeper;
  /** Controllers on the buses of this one. */
  satellites: readonly SatelliteDoor[];
}

/** Who sent a request: a session, or nobody yet. */
export type Sender = ActiveState | undefined;

/** One command that the virtual BMC answers. */
export interface Handler {
  netFn: number;
  cmd: number;
  /** Lowest level that may run it; undefined: also without a session (§G, table G-1). */
  privilege: number | undefined;
  run(data: Uint8Array, sender: Sender): Answer | Promise<Answer>;
}

/** The commands of one family. What they remember lives as long as the BMC. */
export type Family = (parts: CommandParts) => readonly Handler[];

export const refuse = (completion: number): Answer => ({ completion });
export const give = (data: Uint8Array): Answer => ({ completion: Completion.ok, data });
export const DONE: Answer = { completion: Completion.ok };

/** The channel a request means: "this one" is the LAN. */
export function ownChannel(asked: number): number {
  return (asked & 0x0f) === THIS_CHANNEL ? CHANNEL : asked & 0x0f;
}
