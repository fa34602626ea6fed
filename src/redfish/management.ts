import { X509Certificate } from 'node:crypto';
import { type BmcTime, setClock, timeOf } from './bmc-clock.ts';
import type { JsonObject } from './calls.ts';
import { clearJobs } from './dell-jobs.ts';
import { redfishErrors } from './errors.ts';
import { defined, actionAt, at, flagAt, linkAt, linksAt, objectAt, objectsAt, textAt, textsAt } from './json.ts';
import { type ServiceDoors, managerOf, membersAt, membersIfAny, rootService } from './service-doors.ts';

export interface BmcCertificate {
  subject: string;
  issuer: string;
  notAfter?: string;
  fingerprint?: string;
}

/** The BMC itself: its restart, the locator light, accounts and network (Manager and AccountService schemas). */
export class Management {
  readonly #doors: ServiceDoors;

  constructor(doors: ServiceDoors) {
    this.#doors = doors;
  }

  /** Resolves when the BMC has taken the order; it is silent for minutes afterwards. */
  async resetBmc(kind: 'cold' | 'warm', signal: AbortSignal): Promise<void> {
    const manager = await managerOf(this.#doors, signal);
    const target = actionAt(manager.body, '#Manager.Reset');
    if (target === undefined) throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the BMC cannot be restarted by Redfish');
    const action = objectAt(manager.body, 'Actions', '#Manager.Reset');
    const allowed = textsAt(action, 'ResetType@Redfish.AllowableValues');
    const wishes = kind === 'cold' ? ['ForceRestart', 'GracefulRestart'] : ['GracefulRestart', 'ForceRestart'];
    const type = wishes.find((wish) => allowed.includes(wish)) ?? wishes[0] ?? '';
    try {
      await this.#doors.calls.post(target, { ResetType: type }, signal);
    } catch (error) {
      // Gone before it answered: that is what was asked for.
      if (!redfishErrors.is(error, 'REDFISH_UNREACHABLE')) throw error;
    }
  }

  /** Redfish knows on and off; a light that is lit for a while is put out by the caller's next call with 0. */
  async identify(seconds: number, signal: AbortSignal): Promise<void> {
    const lit = seconds > 0;
    const system = await this.#doors.system(signal);
    const modern = at(system.body, 'LocationIndicatorActive') !== undefined;
    if (!modern && at(system.body, 'IndicatorLED') === undefined) {
      throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the machine has no locator light');
    }
    const change = modern ? { LocationIndicatorActive: lit } : { IndicatorLED: lit ? 'Blinking' : 'Off' };
    await this.#doors.calls.patch(system.path, change, signal, system.etag === undefined ? {} : { etag: system.etag });
    const now = (await this.#doors.system(signal)).body;
    const read = modern ? flagAt(now, 'LocationIndicatorActive') : textAt(now, 'IndicatorLED') !== 'Off';
    if (read !== lit) throw redfishErrors.make('REDFISH_NOT_APPLIED', 'the locator light reads back unchanged');
  }

  /** Undefined: the BMC does not tell. */
  async clock(signal: AbortSignal): Promise<BmcTime | undefined> {
    return timeOf(await managerOf(this.#doors, signal), this.#doors.clock.now());
  }

  async setClock(signal: AbortSignal): Promise<BmcTime> {
    return await setClock(this.#doors, signal);
  }

  /** @returns the number of jobs that were forgotten; undefined: this BMC has no queue of them */
  async clearJobs(signal: AbortSignal): Promise<number | undefined> {
    return await clearJobs(this.#doors, signal);
  }

  async accounts(signal: AbortSignal): Promise<{ id: string; name: string; role: string; enabled: boolean }[]> {
    const service = await rootService(this.#doors, 'AccountService', signal);
    const members = await membersAt(this.#doors, linkAt(service.body, 'Accounts'), signal);
    return (
      members
        .map(({ path, body }) => ({
          id: textAt(body, 'Id') ?? path,
          name: textAt(body, 'UserName') ?? '',
          role: textAt(body, 'RoleId') ?? '',
          enabled: flagAt(body, 'Enabled') ?? true,
        }))
        // Some have a fixed number of slots, most of them empty.
        .filter((account) => account.name !== '')
    );
  }

  /** Where the certificates are that the BMC lists (DSP2046, CertificateLocations). Unreadable ones are left out. */
  async certificates(signal: AbortSignal): Promise<BmcCertificate[]> {
    const service = await rootService(this.#doors, 'CertificateService', signal);
    const locations = linkAt(service.body, 'CertificateLocations');
    const found = locations === undefined ? undefined : await this.#doors.calls.find(locations, signal);
    const certificates: BmcCertificate[] = [];
    for (const link of linksAt(found?.body, 'Links', 'Certificates')) {
      const certificate = await this.#doors.calls.find(link, signal);
      if (certificate !== undefined) certificates.push(readCertificate(certificate.body));
    }
    return certificates;
  }

  async network(signal: AbortSignal): Promise<{ mac?: string; addresses: readonly string[]; source?: string }> {
    const manager = await managerOf(this.#doors, signal);
    const [first] = await membersIfAny(this.#doors, linkAt(manager.body, 'EthernetInterfaces'), signal);
    const v4 = objectsAt(first?.body, 'IPv4Addresses');
    const v6 = objectsAt(first?.body, 'IPv6Addresses');
    const addresses = [...v4, ...v6].map((a) => textAt(a, 'Address')).filter((a) => a !== undefined);
    const mac = textAt(first?.body, 'MACAddress')?.toLowerCase();
    return { addresses, ...defined({ mac, source: textAt(v4[0], 'AddressOrigin') }) };
  }
}

function readCertificate(body: JsonObject): BmcCertificate {
  const pem = textAt(body, 'CertificateType') === 'PKCS7' ? undefined : textAt(body, 'CertificateString');
  const name = (key: string) => textAt(body, key, 'CommonName') ?? textAt(body, key, 'DisplayString') ?? '';
  return {
    subject: name('Subject'),
    issuer: name('Issuer'),
    ...defined({
      notAfter: textAt(body, 'ValidNotAfter'),
      fingerprint: pem === undefined ? undefined : fingerprintOf(pem),
    }),
  };
}

/** Undefined for what is no certificate after all. */
function fingerprintOf(pem: string): string | undefined {
  try {
    return `sha256:${new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase()}`;
  } catch {
    return undefined;
  }
}
