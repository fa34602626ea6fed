import { ByteReader } from '../../wire/reader.ts';
import { AppCmd } from '../commands/app/numbers.ts';
import { addressSourceByte } from '../commands/lan/address-source.ts';
import { decodeGetLanConfig, encodeLanConfig } from '../commands/lan/config.ts';
import { LanCmd, LanParameter } from '../commands/lan/parameters.ts';
import { decodeGetUserAccess, encodeUserAccess } from '../commands/user/access.ts';
import { encodeUserName } from '../commands/user/name.ts';
import { Completion, NO_ACCESS, NetFn, Privilege } from '../numbers.ts';
import type { LanModel } from '../server-model.ts';
import type { CipherSuite } from '../suites.ts';
import { CHANNEL, type Family, give, ownChannel, refuse } from './handler.ts';

/** Cipher suite slots of parameters 22 to 24. */
const MAX_SUITES = 16;
const MAX_USERS = 15;
/** Medium 802.3 LAN, protocol IPMB-1.0, multi-session (§22.24). */
const CHANNEL_INFO = Uint8Array.of(CHANNEL, 0x04, 0x01, 0x80, 0xf2, 0x1b, 0x00, 0x00, 0x00);
/** Always available, per-message and user-level authentication on; privilege limit administrator (§22.23). */
const CHANNEL_ACCESS = Uint8Array.of(0x02, 0x04);

function parameters(lan: LanModel, suites: readonly CipherSuite[]): ReadonlyMap<number, Uint8Array> {
  const ids = suites.slice(0, MAX_SUITES).map((s) => s.id);
  const zeros = (n: number) => new Uint8Array(n);
  return new Map<number, Uint8Array>([
    [LanParameter.setInProgress, zeros(1)],
    // No IPMI 1.5 logins: no authentication type at any level.
    [LanParameter.authSupport, zeros(1)],
    [LanParameter.authEnables, zeros(5)],
    [LanParameter.address, lan.address],
    [LanParameter.source, Uint8Array.of(addressSourceByte(lan.source))],
    [LanParameter.mac, lan.mac],
    [LanParameter.netmask, lan.netmask],
    [LanParameter.ipHeader, Uint8Array.of(0x40, 0x40, 0x10)],
    [LanParameter.arpControl, Uint8Array.of(0x02)],
    [LanParameter.arpInterval, zeros(1)],
    [LanParameter.gateway, lan.gateway],
    [LanParameter.gatewayMac, zeros(6)],
    [LanParameter.backupGateway, zeros(4)],
    [LanParameter.backupGatewayMac, zeros(6)],
    [LanParameter.community, new Uint8Array(18)],
    [LanParameter.vlan, zeros(2)],
    [LanParameter.vlanPriority, zeros(1)],
    [LanParameter.suiteCount, Uint8Array.of(ids.length)],
    [LanParameter.suites, Uint8Array.of(0, ...ids)],
    // Administrator for each.
    [LanParameter.suitePrivileges, Uint8Array.of(0, ...zeros(8).fill(0x44))],
    [LanParameter.badPassword, zeros(6)],
  ]);
}

/** LAN configuration, channels and users (§22, §23), for reading only. */
export const lanFamily: Family = ({ model, suites }) => {
  const values = parameters(model.lan, suites);
  const privilege = Privilege.user;
  const onChannel = (channel: number) => ownChannel(channel) === CHANNEL;
  return [
    {
      netFn: NetFn.transport,
      cmd: LanCmd.getConfig,
      privilege: Privilege.operator,
      run(data) {
        const { channel, parameter, revisionOnly } = decodeGetLanConfig(data);
        if (!onChannel(channel)) return refuse(Completion.invalidField);
        if (revisionOnly) return give(encodeLanConfig(new Uint8Array(0)));
        const value = values.get(parameter);
        return value === undefined ? refuse(Completion.parameterNotSupported) : give(encodeLanConfig(value));
      },
    },
    {
      netFn: NetFn.app,
      cmd: AppCmd.getChannelInfo,
      privilege,
      run: (data) => (onChannel(new ByteReader(data).u8()) ? give(CHANNEL_INFO) : refuse(Completion.invalidField)),
    },
    {
      netFn: NetFn.app,
      cmd: AppCmd.getChannelAccess,
      privilege,
      run: (data) => (onChannel(new ByteReader(data).u8()) ? give(CHANNEL_ACCESS) : refuse(Completion.invalidField)),
    },
    {
      netFn: NetFn.app,
      cmd: AppCmd.getUserAccess,
      privilege: Privilege.operator,
      run(data) {
        const { channel, id } = decodeGetUserAccess(data);
        if (!onChannel(channel) || id === 0 || id > MAX_USERS) return refuse(Completion.invalidField);
        // User 1 is the nameless one of the specification, switched off.
        const user = model.users[id - 2];
        const access = {
          maxUsers: MAX_USERS,
          enabledUsers: model.users.length,
          fixedNames: 1,
          enabled: user !== undefined,
          privilege: user === undefined ? NO_ACCESS : Privilege[user.privilege],
          ipmi: user !== undefined,
        };
        return give(encodeUserAccess(access));
      },
    },
    {
      netFn: NetFn.app,
      cmd: AppCmd.getUserName,
      privilege: Privilege.operator,
      run(data) {
        const id = new ByteReader(data).u8('user') & 0x3f;
        if (id === 0 || id > MAX_USERS) return refuse(Completion.invalidField);
        const user = model.users[id - 2];
        // Name not set (§22.29): ipmitool leaves such users out.
        return user === undefined && id !== 1
          ? refuse(Completion.invalidField)
          : give(encodeUserName(user?.name ?? ''));
      },
    },
  ];
};
