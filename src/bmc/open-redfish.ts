import { REDFISH_QUIRKS } from '../redfish/quirks.ts';
import { RedfishClients } from '../redfish/shared-clients.ts';
import { parseCa, parseFingerprint } from '../redfish/trust.ts';
import type { BmcAddress } from './address.ts';
import type { Bmc } from './bmc.ts';
import type { OpenBmcOptions } from './open.ts';
import { asBmcError } from './protocol-errors.ts';
import { checkQuirkNames } from './quirks.ts';
import { redfishBmc } from './redfish-bmc.ts';

/**
 * A BMC of the Redfish family of schemes.
 * @throws BMC_TLS_SETTINGS, BMC_QUIRK_UNKNOWN
 */
export function openRedfish(address: BmcAddress, options: OpenBmcOptions): Bmc {
  const { credentials, doors, disableCertificateVerification, fingerprint, quirks, redfishTiming, powerTiming } =
    options;
  checkQuirkNames(quirks ?? [], Object.keys(REDFISH_QUIRKS), 'Redfish');
  try {
    const ca = [
      ...(doors.ca === undefined ? [] : parseCa(doors.ca, 'the CA bundle of all BMCs')),
      ...(credentials.ca === undefined ? [] : parseCa(credentials.ca, 'key ca.crt of the credentials Secret')),
    ].join('\n');
    return redfishBmc({
      address: address.text,
      path: address.path,
      httpBoot: address.boot === 'uefi-http',
      target: {
        address: serviceOf(address),
        transport: address.transport ?? 'https',
        host: address.host,
        port: address.port,
        username: credentials.username,
        password: credentials.password,
        trust: {
          verify: !disableCertificateVerification,
          ...(fingerprint === undefined ? {} : { fingerprint: parseFingerprint(fingerprint) }),
          ...(ca === '' ? {} : { ca }),
        },
      },
      quirks: quirks ?? [],
      doors,
      clients: doors.redfish ?? new RedfishClients(),
      ...(redfishTiming === undefined ? {} : { timing: redfishTiming }),
      ...(powerTiming === undefined ? {} : { powerTiming }),
    });
  } catch (error) {
    throw asBmcError(error, address.text);
  }
}

/** The address without its path: what all systems behind one manager have in common. */
function serviceOf({ text, path }: BmcAddress): string {
  const [address = ''] = text.split('?');
  return path !== '' && address.endsWith(path) ? address.slice(0, -path.length) : address;
}
