import { X509Certificate } from 'node:crypto';
import { kubeTime } from '../../../core/clock.ts';
import { checkPatch, optionalText, shown } from '../check.ts';
import { bmcMac } from '../machine-door.ts';
import { Refusal } from '../messages.ts';
import { type Paths, ROOT } from '../paths.ts';
import type { Personality } from '../personality.ts';
import { type Body, NO_CONTENT, OK_HEALTH, type Route, collection, link, resource } from '../router.ts';
import type { RedfishService } from '../service.ts';
import { dellJobLinks } from './dell-jobs.ts';
import { members } from './hardware.ts';

const RESET_TYPES = ['ForceRestart', 'GracefulRestart'];

/** The BMC itself: its network, its certificate, its restart. */
export function managerRoutes(paths: Paths, personality: Personality): Route[] {
  const { manager } = paths;
  const network = `${manager}/NetworkProtocol`;
  const certificates = `${network}/HTTPS/Certificates`;
  return [
    {
      path: `${ROOT}/Managers`,
      get: () => collection(`${ROOT}/Managers`, 'Manager.Manager', 'Managers', [manager]),
    },
    {
      path: manager,
      get: ({ service }) => managerView(service, personality),
      patch: ({ service, body }) => {
        checkPatch(body, managerView(service, personality), { DateTime: 'string', DateTimeLocalOffset: 'string' });
        const time = optionalText(body, 'DateTime');
        if (time !== undefined && Number.isNaN(Date.parse(time))) {
          throw new Refusal(400, 'PropertyValueFormatError', [time.slice(0, 60), 'DateTime']);
        }
        if (time !== undefined) service.clockOffsetMs = Date.parse(time) - service.clock.now();
        return NO_CONTENT;
      },
      privilege: 'ConfigureManager',
    },
    {
      path: `${manager}/Actions/Manager.Reset`,
      post: ({ service, body }) => {
        const type = body['ResetType'] ?? 'GracefulRestart';
        if (typeof type !== 'string' || !RESET_TYPES.includes(type)) {
          throw new Refusal(400, 'ActionParameterValueNotInList', [shown(type), 'ResetType', 'Manager.Reset']);
        }
        // After the answer: a client that is cut off does not know whether it was heard.
        service.later(50, () => service.restart());
        return NO_CONTENT;
      },
      privilege: 'ConfigureManager',
    },
    {
      path: network,
      get: ({ service }) =>
        resource(
          network,
          'ManagerNetworkProtocol.v1_9_1.ManagerNetworkProtocol',
          'NetworkProtocol',
          'Network protocols',
          {
            HostName: service.machine.facts.name,
            FQDN: `${service.machine.facts.name}.sim`,
            HTTP: { ProtocolEnabled: !service.quirks.has('https-only'), Port: 80 },
            HTTPS: { ProtocolEnabled: true, Port: 443, Certificates: link(certificates) },
            SSH: { ProtocolEnabled: false, Port: 22 },
            IPMI: { ProtocolEnabled: true, Port: 623 },
            SSDP: { ProtocolEnabled: false, Port: 1900 },
            Status: OK_HEALTH,
          },
        ),
      patch: () => {
        throw new Refusal(400, 'PropertyNotWritable', ['NetworkProtocol']);
      },
      privilege: 'ConfigureManager',
    },
    ...members(`${manager}/EthernetInterfaces`, 'EthernetInterface.EthernetInterface', 'Interfaces of the BMC', ports),
    ...members(certificates, 'Certificate.Certificate', 'Certificates', certificate),
  ];
}

function managerView(service: RedfishService, personality: Personality): Body {
  const { paths } = service;
  const { manager } = paths;
  return resource(manager, 'Manager.v1_18_0.Manager', personality.ids.manager, 'Manager', {
    ManagerType: 'BMC',
    Manufacturer: personality.manufacturer,
    Model: personality.product,
    FirmwareVersion: service.firmware.find((c) => c.id === 'BMC')?.version,
    UUID: service.uuid,
    ServiceEntryPointUUID: service.uuid,
    DateTime: kubeTime(service.clock.now() + service.clockOffsetMs),
    DateTimeLocalOffset: '+00:00',
    PowerState: 'On',
    Status: OK_HEALTH,
    EthernetInterfaces: link(`${manager}/EthernetInterfaces`),
    NetworkProtocol: link(`${manager}/NetworkProtocol`),
    LogServices: link(`${manager}/LogServices`),
    ...(personality.media.home === 'manager' ? { VirtualMedia: link(paths.media) } : {}),
    Links: {
      ManagerForServers: [link(paths.system)],
      ManagerForChassis: [link(paths.chassis)],
      ...dellJobLinks(service),
    },
    Actions: {
      '#Manager.Reset': {
        target: `${manager}/Actions/Manager.Reset`,
        'ResetType@Redfish.AllowableValues': RESET_TYPES,
      },
    },
  });
}

function ports(service: RedfishService, path: string): Body[] {
  const mac = bmcMac(service.machine.facts);
  return [
    resource(`${path}/1`, 'EthernetInterface.v1_10_0.EthernetInterface', '1', 'Dedicated port', {
      MACAddress: mac.toUpperCase(),
      PermanentMACAddress: mac.toUpperCase(),
      SpeedMbps: 1000,
      InterfaceEnabled: true,
      LinkStatus: 'LinkUp',
      HostName: service.machine.facts.name,
      IPv4Addresses: [
        { Address: service.address, SubnetMask: '255.0.0.0', AddressOrigin: 'Static', Gateway: '0.0.0.0' },
      ],
      Status: OK_HEALTH,
    }),
  ];
}

function certificate(service: RedfishService, path: string): Body[] {
  const pem = service.certificatePem;
  if (pem === undefined) return [];
  const parsed = new X509Certificate(pem);
  const openssl = service.quirks.has('openssl-dates');
  const date = (text: string) => (openssl ? text : kubeTime(Date.parse(text)));
  return [
    resource(`${path}/1`, 'Certificate.v1_7_0.Certificate', '1', 'HTTPS certificate', {
      CertificateString: pem,
      CertificateType: 'PEM',
      CertificateUsageTypes: ['Web'],
      Subject: identifier(parsed.subject),
      Issuer: identifier(parsed.issuer),
      ValidNotBefore: date(parsed.validFrom),
      ValidNotAfter: date(parsed.validTo),
      SerialNumber: parsed.serialNumber,
      Fingerprint: parsed.fingerprint256,
      FingerprintHashAlgorithm: 'TPM_ALG_SHA256',
    }),
  ];
}

const NAMES: Readonly<Record<string, string>> = {
  CN: 'CommonName',
  O: 'Organization',
  OU: 'OrganizationalUnit',
  L: 'City',
  ST: 'State',
  C: 'Country',
};

/** A distinguished name, one `KEY=value` a line, as the schema has it. */
function identifier(name: string): Body {
  const pairs = name.split('\n').map((line) => line.split('=', 2) as [string, string?]);
  return Object.fromEntries(pairs.flatMap(([key, value]) => (NAMES[key] === undefined ? [] : [[NAMES[key], value]])));
}
