import { ROOT } from '../paths.ts';
import type { Personality } from '../personality.ts';
import { type Body, type Call, type Reply, type Route, link, resource } from '../router.ts';
import type { RedfishService } from '../service.ts';
import { SESSIONS } from './sessions.ts';

/** What the service root links to, without Sessions. */
const CHILDREN = [
  'Systems',
  'Chassis',
  'Managers',
  'SessionService',
  'AccountService',
  'UpdateService',
  'EventService',
  'CertificateService',
  'Registries',
  'JsonSchemas',
];

/** `/redfish`, the service root, and the documents of OData (DSP0266 §7.3 and §8.3). */
export function rootRoutes(personality: Personality): Route[] {
  const children = personality.quirks.some((q) => q.kind === 'no-sessions')
    ? CHILDREN.filter((c) => c !== 'SessionService')
    : CHILDREN;
  return [
    { path: '/redfish', get: () => ({ status: 200, body: { v1: '/redfish/v1/' } }), open: true },
    { path: ROOT, get: (call) => rootView(call, personality, children), open: true },
    { path: `${ROOT}/odata`, get: () => ({ status: 200, body: odata(children) }), open: true },
    { path: `${ROOT}/$metadata`, get: () => metadata(children), open: true },
  ];
}

function rootView({ service }: Call, personality: Personality, children: readonly string[]): Body {
  const sessions = children.includes('SessionService') ? { Sessions: link(SESSIONS) } : {};
  return {
    ...resource(`${ROOT}/`, 'ServiceRoot.v1_15_0.ServiceRoot', 'RootService', 'Root Service', {
      RedfishVersion: personality.redfishVersion,
      UUID: service.uuid,
      ...maker(service),
      ProtocolFeaturesSupported: {
        ExpandQuery: { ExpandAll: true, NoLinks: true, Links: true, Levels: true, MaxLevels: 2 },
        FilterQuery: false,
        SelectQuery: false,
        ExcerptQuery: false,
        OnlyMemberQuery: true,
      },
      ...Object.fromEntries(children.map((name) => [name, link(`${ROOT}/${name}`)])),
      Tasks: link(`${ROOT}/TaskService`),
      Links: sessions,
    }),
  };
}

/** Who made it, where this one says so. */
function maker({ personality, quirks }: RedfishService): Body {
  const oem = quirks.find('vendor-in-oem');
  if (oem !== undefined) return { Oem: { [oem.name]: {} } };
  return {
    Product: personality.product,
    ...(personality.vendor === undefined ? {} : { Vendor: personality.vendor }),
  };
}

function odata(children: readonly string[]): Body {
  const entry = (name: string, url: string) => ({ name, kind: 'Singleton', url });
  return {
    '@odata.context': `${ROOT}/$metadata`,
    value: [
      entry('Service', `${ROOT}/`),
      ...children.map((name) => entry(name, `${ROOT}/${name}`)),
      entry('Tasks', `${ROOT}/TaskService`),
      ...(children.includes('SessionService') ? [entry('Sessions', SESSIONS)] : []),
    ],
  };
}

function metadata(children: readonly string[]): Reply {
  const namespaces = ['ServiceRoot', ...children.map((c) => c.replace(/s$/, ''))];
  const references = namespaces
    .map(
      (name) =>
        `<edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/${name}_v1.xml"><edmx:Include Namespace="${name}"/></edmx:Reference>`,
    )
    .join('\n');
  const text = `<?xml version="1.0" encoding="UTF-8"?>
<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">
${references}
<edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/ServiceRoot_v1.xml"><edmx:Include Namespace="ServiceRoot.v1_15_0"/></edmx:Reference>
<edmx:DataServices>
<Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">
<EntityContainer Name="Service" Extends="ServiceRoot.v1_15_0.ServiceContainer"/>
</Schema>
</edmx:DataServices>
</edmx:Edmx>
`;
  return { status: 200, raw: { type: 'application/xml', text } };
}
