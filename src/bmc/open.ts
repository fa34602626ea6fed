import type { IpmiDoors, IpmiTiming } from '../ipmi/client.ts';
import { parseBmcAddress } from './address.ts';
import type { Bmc } from './bmc.ts';
import { openRedfish } from './open-redfish.ts';
import type { RedfishTiming } from '../redfish/client.ts';
import type { RedfishClients } from '../redfish/shared-clients.ts';
import { IpmiBmc } from './ipmi-bmc.ts';
import { ipmiTarget } from './ipmi-target.ts';
import { asBmcError } from './protocol-errors.ts';
import { namedQuirks } from './quirks.ts';
import type { PowerTiming } from './reach-power.ts';

export interface BmcCredentials {
  username: string;
  password: string;
  /** PEM certificates of CAs that sign this BMC's certificate: key `ca.crt` of the Secret. */
  ca?: string;
  /** Key of the BMC (K_g) for two-key IPMI logins: 40 hexadecimal digits, or a text of at most 20 bytes. */
  kg?: string;
}

/** Clock, random numbers, log and, in tests, the UDP socket. */
export interface BmcDoors extends IpmiDoors {
  /** PEM certificates of CAs that sign the certificates of any BMC (`--bmc-ca`). */
  ca?: string;
  /** Redfish services that are open already: BMCs opened with the same ones share sessions. Default: none. */
  redfish?: RedfishClients;
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
 * @throws BMC_ADDRESS_INVALID, BMC_SCHEME_UNKNOWN, BMC_SCHEME_REMOVED, BMC_TLS_SETTINGS, BMC_AUTH_FAILED,
 *   BMC_CREDENTIALS_INVALID, BMC_QUIRK_UNKNOWN
 */
export function openBmc(options: OpenBmcOptions): Bmc {
  const address = parseBmcAddress(options.address);
  if (address.driver === 'redfish') return openRedfish(address, options);
  const quirks = namedQuirks(options.quirks ?? []);
  const target = ipmiTarget(address, options.credentials, quirks.wire, options.preferredSuite);
  try {
    return new IpmiBmc({
      address: address.text,
      target,
      quirks,
      doors: options.doors,
      timing: { pace: quirks.pace, ...options.timing },
      ...(options.powerTiming === undefined ? {} : { powerTiming: options.powerTiming }),
    });
  } catch (error) {
    throw asBmcError(error, address.text);
  }
}
