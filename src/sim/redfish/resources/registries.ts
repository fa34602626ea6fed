import { BASE_MESSAGES, BASE_REGISTRY, type MessageKind } from '../messages.ts';
import { type Paths, ROOT } from '../paths.ts';
import { type Body, NO_CONTENT, OK_HEALTH, type Route, collection, link, resource } from '../router.ts';
import type { RedfishService } from '../service.ts';
import type { BiosAttributeKind } from '../state/bios.ts';
import { text } from '../check.ts';
import { Refusal } from '../messages.ts';
import { BIOS_REGISTRY } from './bios.ts';

const REGISTRIES = `${ROOT}/Registries`;
const BASE_FILE = `${REGISTRIES}/Base/Base.json`;
const BIOS_FILE = `${REGISTRIES}/BiosAttributeRegistry/BiosAttributeRegistry.json`;

/** Message and attribute registries, schema index, certificate service. */
export function registryRoutes(paths: Paths): Route[] {
  return [
    {
      path: REGISTRIES,
      get: () =>
        collection(REGISTRIES, 'MessageRegistryFile.MessageRegistryFile', 'Registries', [
          `${REGISTRIES}/Base`,
          `${REGISTRIES}/BiosAttributeRegistry`,
        ]),
    },
    { path: `${REGISTRIES}/Base`, get: () => fileView('Base', BASE_REGISTRY, BASE_FILE) },
    {
      path: `${REGISTRIES}/BiosAttributeRegistry`,
      get: () => fileView('BiosAttributeRegistry', BIOS_REGISTRY, BIOS_FILE),
    },
    { path: BASE_FILE, get: () => baseRegistry() },
    { path: BIOS_FILE, get: ({ service }) => biosRegistry(service) },
    ...schemaRoutes(),
    ...certificateRoutes(paths),
  ];
}

function fileView(id: string, registry: string, uri: string): Body {
  return resource(`${REGISTRIES}/${id}`, 'MessageRegistryFile.v1_1_3.MessageRegistryFile', id, `${id} registry`, {
    Languages: ['en'],
    Registry: registry,
    Location: [{ Language: 'en', Uri: uri }],
  });
}

function baseRegistry(): Body {
  return {
    '@odata.id': BASE_FILE,
    '@odata.type': '#MessageRegistry.v1_6_0.MessageRegistry',
    Id: `${BASE_REGISTRY}.0`,
    Name: 'Base message registry',
    Language: 'en',
    RegistryPrefix: 'Base',
    RegistryVersion: '1.12.0',
    OwningEntity: 'DMTF',
    Messages: Object.fromEntries(
      Object.entries<MessageKind>(BASE_MESSAGES).map(([name, kind]) => [
        name,
        {
          Description: kind.message,
          Message: kind.message,
          Severity: kind.severity,
          MessageSeverity: kind.severity,
          NumberOfArgs: kind.args,
          ...(kind.args > 0 ? { ParamTypes: Array<string>(kind.args).fill('string') } : {}),
          Resolution: kind.resolution,
        },
      ]),
    ),
  };
}

function biosRegistry(service: RedfishService): Body {
  return {
    '@odata.id': BIOS_FILE,
    '@odata.type': '#AttributeRegistry.v1_3_6.AttributeRegistry',
    Id: BIOS_REGISTRY,
    Name: 'BIOS attribute registry',
    Language: 'en',
    RegistryVersion: '1.0.0',
    OwningEntity: service.personality.manufacturer,
    SupportedSystems: [{ ProductName: service.personality.model, SystemId: service.personality.ids.system }],
    RegistryEntries: { Attributes: service.bios.kinds.map(attributeEntry) },
  };
}

function attributeEntry(kind: BiosAttributeKind): Body {
  return {
    AttributeName: kind.name,
    DisplayName: kind.display,
    Type: kind.type,
    ReadOnly: kind.readOnly ?? false,
    ResetRequired: true,
    DefaultValue: kind.value,
    ...(kind.values === undefined ? {} : { Value: kind.values.map((v) => ({ ValueName: v, ValueDisplayName: v })) }),
    ...(kind.lower === undefined ? {} : { LowerBound: kind.lower }),
    ...(kind.upper === undefined ? {} : { UpperBound: kind.upper }),
    ...(kind.maxLength === undefined ? {} : { MinLength: 0, MaxLength: kind.maxLength }),
  };
}

/** The schemas are DMTF's: the service names where they are, and has no copies. */
function schemaRoutes(): Route[] {
  const home = `${ROOT}/JsonSchemas`;
  const names = ['ComputerSystem', 'Chassis', 'Manager', 'ServiceRoot', 'VirtualMedia'];
  return [
    {
      path: home,
      get: () =>
        collection(
          home,
          'JsonSchemaFile.JsonSchemaFile',
          'JSON schemas',
          names.map((n) => `${home}/${n}`),
        ),
    },
    {
      path: `${home}/:schema`,
      get: ({ params }) => {
        const name = params['schema'] ?? '';
        if (!names.includes(name)) return undefined;
        return resource(`${home}/${name}`, 'JsonSchemaFile.v1_1_4.JsonSchemaFile', name, `${name} schema`, {
          Languages: ['en'],
          Schema: `#${name}.${name}`,
          Location: [{ Language: 'en', PublicationUri: `http://redfish.dmtf.org/schemas/v1/${name}.json` }],
        });
      },
    },
  ];
}

function certificateRoutes(paths: Paths): Route[] {
  const home = `${ROOT}/CertificateService`;
  const locations = `${home}/CertificateLocations`;
  const certificate = `${paths.manager}/NetworkProtocol/HTTPS/Certificates/1`;
  const replace = `${home}/Actions/CertificateService.ReplaceCertificate`;
  return [
    {
      path: home,
      get: () =>
        resource(home, 'CertificateService.v1_0_5.CertificateService', 'CertificateService', 'Certificates', {
          CertificateLocations: link(locations),
          Status: OK_HEALTH,
          Actions: { '#CertificateService.ReplaceCertificate': { target: replace } },
        }),
    },
    {
      path: locations,
      get: ({ service }) =>
        resource(locations, 'CertificateLocations.v1_0_3.CertificateLocations', 'CertificateLocations', 'Locations', {
          Links: { Certificates: service.certificatePem === undefined ? [] : [link(certificate)] },
        }),
    },
    {
      path: replace,
      post: ({ service, body }) => {
        const pem = text(body, 'CertificateString');
        for (const name of ['CertificateType', 'CertificateUri']) {
          if (body[name] === undefined) {
            throw new Refusal(400, 'ActionParameterMissing', ['CertificateService.ReplaceCertificate', name]);
          }
        }
        // Without its private key a certificate cannot be served: it must be one that the service made the request for.
        if (pem !== service.certificatePem) {
          throw new Refusal(400, 'ActionParameterValueFormatError', ['(certificate)', 'CertificateString', 'Replace']);
        }
        return NO_CONTENT;
      },
      privilege: 'ConfigureManager',
    },
  ];
}
