import type { Hop, Route } from '../ipmi/bridge.ts';
import type { IpmiTarget } from '../ipmi/client.ts';
import type { V15Policy } from '../ipmi/login-plan.ts';
import { Privilege } from '../ipmi/numbers.ts';
import { CLIENT_SUITES, SUITE_WITHOUT_PASSWORD } from '../ipmi/suites.ts';
import type { WireQuirks } from '../ipmi/wire-quirks.ts';
import { fromHex, utf8Bytes } from '../wire/hex.ts';
import type { BmcAddress } from './address.ts';
import { bmcErrors } from './errors.ts';
import type { BmcCredentials } from './open.ts';

const IPMI_PORT = 623;
const MAX_NAME = 16;
const KG_BYTES = 20;

/**
 * What the IPMI client is to log in with.
 * @param preferredSuite what worked last time: tried first, and proof that the BMC speaks IPMI 2.0
 * @throws BMC_ADDRESS_INVALID, BMC_AUTH_FAILED, BMC_CREDENTIALS_INVALID
 */
export function ipmiTarget(
  address: BmcAddress,
  credentials: BmcCredentials,
  quirks: WireQuirks,
  preferredSuite: number | undefined,
): IpmiTarget {
  const { username, password, kg } = credentials;
  if (utf8Bytes(username).length > MAX_NAME) {
    throw bmcErrors.make('BMC_AUTH_FAILED', `BMC ${address.text}: an IPMI user name has at most ${MAX_NAME} bytes`);
  }
  return {
    host: address.host,
    port: address.port ?? IPMI_PORT,
    username,
    password,
    privilege: privilegeOf(address),
    v15: v15PolicyOf(address, preferredSuite),
    quirks,
    ...suitesOf(address),
    ...routeOf(address),
    ...(preferredSuite === undefined ? {} : { firstSuite: preferredSuite }),
    ...(kg === undefined ? {} : { kg: kgBytes(kg, address) }),
  };
}

/**
 * `?protocol=1.5` makes us speak IPMI 1.5, `?protocol=2.0` forbids it. By itself it is spoken only where the BMC says
 * that it knows nothing else and never spoke 2.0 to us.
 */
function v15PolicyOf(address: BmcAddress, preferredSuite: number | undefined): V15Policy {
  const text = address.query.get('protocol');
  if (text === '1.5') return 'always';
  if (text === '2.0') return 'never';
  if (text === undefined) return preferredSuite === undefined ? 'if-only' : 'never';
  throw bmcErrors.make('BMC_ADDRESS_INVALID', `spec.bmc.address ${address.text}: protocol is neither 1.5 nor 2.0`);
}

/** `?privilegelevel=OPERATOR`; administrator when it is not given (metal3-compat §3.2). */
function privilegeOf(address: BmcAddress): number {
  const text = address.query.get('privilegelevel');
  if (text === undefined) return Privilege.administrator;
  const name = text.toLowerCase();
  const level = Object.entries(Privilege).find(([n]) => n === name)?.[1];
  if (level === undefined) {
    const known = Object.keys(Privilege).join(', ').toUpperCase();
    throw bmcErrors.make('BMC_ADDRESS_INVALID', `spec.bmc.address ${address.text}: privilegelevel is none of ${known}`);
  }
  return level;
}

/** `?ciphersuite=17`: this one and no other (Ironic: `ipmi_cipher_suite`). */
function suitesOf(address: BmcAddress): { suites?: readonly number[] } {
  const text = address.query.get('ciphersuite');
  if (text === undefined) return {};
  const suite = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  const known = [SUITE_WITHOUT_PASSWORD, ...CLIENT_SUITES];
  if (known.includes(suite)) return { suites: [suite] };
  const list = known.toSorted((a, b) => a - b).join(', ');
  throw bmcErrors.make('BMC_ADDRESS_INVALID', `spec.bmc.address ${address.text}: ciphersuite is none of ${list}`);
}

const BRIDGING = ['no', 'single', 'dual'] as const;
const LARGEST_CHANNEL = 0x0f;
const LARGEST_ADDRESS = 0xfe;

/**
 * `?bridging=single&targetaddress=0x72&targetchannel=7`, with `dual` also `transitaddress` and `transitchannel`: the
 * machine's own controller is behind the one at this address. The names are those of Ironic's `ipmi_bridging` and its
 * kin; a channel is 0, the primary IPMB, when it is not given.
 */
function routeOf(address: BmcAddress): { route?: Route } {
  const fault = (text: string) => bmcErrors.make('BMC_ADDRESS_INVALID', `spec.bmc.address ${address.text}: ${text}`);
  const kind = address.query.get('bridging') ?? 'no';
  const number = (name: string, most: number, missing?: number): number => {
    const text = address.query.get(name);
    if (text === undefined && missing !== undefined) return missing;
    const value = text !== undefined && /^(\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : Number.NaN;
    if (value >= 0 && value <= most) return value;
    throw fault(`bridging=${kind} needs ${name}, a number of at most ${most}, not "${text ?? ''}"`);
  };
  const hop = (name: 'target' | 'transit'): Hop => {
    const slave = number(`${name}address`, LARGEST_ADDRESS);
    if ((slave & 1) === 1) throw fault(`${name}address ${slave} is odd, and a slave address is even`);
    return { channel: number(`${name}channel`, LARGEST_CHANNEL, 0), address: slave };
  };
  switch (BRIDGING.find((b) => b === kind)) {
    case 'no':
      return {};
    case 'single':
      return { route: [hop('target')] };
    case 'dual':
      return { route: [hop('transit'), hop('target')] };
    default:
      throw fault(`bridging is none of ${BRIDGING.join(', ')}`);
  }
}

/** The BMC key: 40 hexadecimal digits, as `ipmitool -y` and Ironic take it, or a text of at most 20 bytes. */
function kgBytes(text: string, address: BmcAddress): Uint8Array {
  const hex = text.replace(/^0x/i, '');
  if (/^[0-9a-f]{40}$/i.test(hex)) return fromHex(hex);
  const bytes = utf8Bytes(text);
  if (bytes.length <= KG_BYTES) {
    const key = new Uint8Array(KG_BYTES);
    key.set(bytes);
    return key;
  }
  throw bmcErrors.make('BMC_CREDENTIALS_INVALID', `BMC ${address.text}: the key kg has ${bytes.length} bytes`, {
    hint: `kg in the Secret is 40 hexadecimal digits or a text of at most ${KG_BYTES} bytes`,
  });
}
