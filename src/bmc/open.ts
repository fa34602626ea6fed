import type { IpmiDoors, IpmiTiming } from '../ipmi/client.ts';
import { Privilege } from '../ipmi/numbers.ts';
import { DEFAULT_SUITES } from '../ipmi/suites.ts';
import { type BmcAddress, parseBmcAddress } from './address.ts';
import type { Bmc } from './bmc.ts';
import { bmcErrors } from './errors.ts';
import { openRedfish } from './open-redfish.ts';
import type { RedfishTiming } from '../redfish/client.ts';
import { IpmiBmc } from './ipmi-bmc.ts';
import type { PowerTiming } from './reach-power.ts';

export interface BmcCredentials {
  username: string;
  password: string;
  /** PEM certificates of CAs that sign this BMC's certificate: key `ca.crt` of the Secret. */
  ca?: string;
}

/** Clock, random numbers, log and, in tests, the UDP socket. */
export interface BmcDoors extends IpmiDoors {
  /** PEM certificates of CAs that sign the certificates of any BMC (`--bmc-ca`). */
  ca?: string;
}

export interface OpenBmcOptions {
  /** `spec.bmc.address` */
  address: string;
  credentials: BmcCredentials;
  /** `spec.bmc.disableCertificateVerification`; of no matter to IPMI. */
  disableCertificateVerification: boolean;
  /** The only certificate of a Redfish BMC to believe: annotation `ingot.dev/bmc-fingerprint`. */
  fingerprint?: string;
  /** Names of departures from the protocol to add, or with `-` before them to leave out: `ingot.dev/bmc-quirks`. */
  quirks?: readonly string[];
  doors: BmcDoors;
  /** Cipher suite that worked last time (`BmcInfo.cipherSuite`): tried first. */
  preferredSuite?: number;
  timing?: Partial<IpmiTiming>;
  redfishTiming?: Partial<RedfishTiming>;
  powerTiming?: PowerTiming;
}

/**
 * The BMC at an address. Nothing is sent yet: `verify` does, and every other call.
 * @throws BMC_ADDRESS_INVALID, BMC_SCHEME_UNKNOWN, BMC_SCHEME_REMOVED, BMC_TLS_SETTINGS, BMC_AUTH_FAILED
 */
export function openBmc(options: OpenBmcOptions): Bmc {
  const address = parseBmcAddress(options.address);
  if (address.driver === 'redfish') return openRedfish(address, options);
  const { username, password } = options.credentials;
  if (Buffer.byteLength(username) > MAX_IPMI_NAME) {
    throw bmcErrors.make(
      'BMC_AUTH_FAILED',
      `BMC ${address.text}: an IPMI user name has at most ${MAX_IPMI_NAME} bytes`,
    );
  }
  return new IpmiBmc({
    address: address.text,
    target: {
      host: address.host,
      port: address.port ?? IPMI_PORT,
      username,
      password,
      privilege: privilegeOf(address),
      suites: suiteOrder(options.preferredSuite),
    },
    doors: options.doors,
    ...(options.timing === undefined ? {} : { timing: options.timing }),
    ...(options.powerTiming === undefined ? {} : { powerTiming: options.powerTiming }),
  });
}

const IPMI_PORT = 623;
const MAX_IPMI_NAME = 16;

function suiteOrder(preferred: number | undefined): readonly number[] {
  if (preferred === undefined || !DEFAULT_SUITES.includes(preferred)) return DEFAULT_SUITES;
  return [preferred, ...DEFAULT_SUITES.filter((s) => s !== preferred)];
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
