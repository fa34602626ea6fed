import { encodeDeviceId } from '../commands/app/device-id.ts';
import { AppCmd } from '../commands/app/numbers.ts';
import { encodeAuthCapabilities } from '../commands/session/auth-capabilities.ts';
import { Completion, NetFn, Privilege, THIS_CHANNEL } from '../numbers.ts';
import { type CipherSuite, encodeSuiteRecords } from '../suites.ts';
import {
  type Answer,
  CHANNEL,
  type CommandParts,
  DONE,
  type Family,
  type Sender,
  give,
  ownChannel,
  refuse,
} from './handler.ts';

const SUITE_BLOCK = 16;
/** Bits of Get Device ID: sensors, SDR repository, SEL, FRU inventory, chassis (§20.1 byte 7). */
const SUPPORT = 0x8f;

/** Identity, sessions and channels (§20, §22). */
export const appFamily: Family = ({ deviceId, guid, capabilities, suites }) => {
  const netFn = NetFn.app;
  return [
    {
      netFn,
      cmd: AppCmd.getDeviceId,
      privilege: Privilege.user,
      run: () => give(encodeDeviceId({ support: SUPPORT, ...deviceId })),
    },
    // The machine goes on; a virtual BMC has nothing to restart.
    { netFn, cmd: AppCmd.coldReset, privilege: Privilege.administrator, run: () => DONE },
    { netFn, cmd: AppCmd.warmReset, privilege: Privilege.administrator, run: () => DONE },
    { netFn, cmd: AppCmd.getDeviceGuid, privilege: Privilege.user, run: () => give(guid) },
    { netFn, cmd: AppCmd.getSystemGuid, privilege: undefined, run: () => give(guid) },
    {
      netFn,
      cmd: AppCmd.getChannelAuthCapabilities,
      privilege: undefined,
      run: (data) => authCapabilities(data, capabilities),
    },
    { netFn, cmd: AppCmd.getChannelCipherSuites, privilege: undefined, run: (data) => cipherSuites(data, suites) },
    { netFn, cmd: AppCmd.setSessionPrivilege, privilege: Privilege.callback, run: setPrivilege },
    { netFn, cmd: AppCmd.closeSession, privilege: Privilege.callback, run: closeOwnSession },
  ];
};

function cipherSuites(data: Uint8Array, suites: readonly CipherSuite[]): Answer {
  const [channel = THIS_CHANNEL, , index = 0] = data;
  const records = encodeSuiteRecords(suites);
  const at = (index & 0x3f) * SUITE_BLOCK;
  return give(Uint8Array.of(ownChannel(channel), ...records.subarray(at, at + SUITE_BLOCK)));
}

function authCapabilities(data: Uint8Array, capabilities: CommandParts['capabilities']): Answer {
  const [channel, privilege] = data;
  if (channel === undefined || privilege === undefined) return refuse(Completion.lengthInvalid);
  if (ownChannel(channel) !== CHANNEL) return refuse(Completion.invalidField);
  return give(encodeAuthCapabilities({ channel: CHANNEL, ...capabilities }, (channel & 0x80) !== 0));
}

/** §22.18: 0 asks for the present level; 80h: not available to this user, 81h: above the limit of the session. */
function setPrivilege(data: Uint8Array, sender: Sender): Answer {
  if (data.length === 0) return refuse(Completion.lengthInvalid);
  const level = (data[0] ?? 0) & 0x0f;
  if (sender === undefined || level > Privilege.administrator || level === Privilege.callback) {
    return refuse(Completion.invalidField);
  }
  if (level > Privilege[sender.user.privilege]) return refuse(0x80);
  if (level > sender.limit) return refuse(0x81);
  if (level !== 0) sender.privilege = level;
  return give(Uint8Array.of(sender.privilege));
}

/** §22.19. Only the session itself may be ended: 87h for any other id. */
function closeOwnSession(data: Uint8Array, sender: Sender): Answer {
  if (data.length < 4) return refuse(Completion.lengthInvalid);
  const id = new DataView(data.buffer, data.byteOffset, 4).getUint32(0, true);
  if (sender === undefined || id !== sender.bmcSessionId) return refuse(0x87);
  return { completion: Completion.ok, closes: id };
}
