import type { SendOptions } from './twin.ts';

/** Requests of which two API servers are expected to answer the same, in this order. */
export interface Step {
  name: string;
  method: string;
  path: string;
  options?: SendOptions;
}

const HOSTS = '/apis/metal3.io/v1alpha1/namespaces/default/baremetalhosts';
const SECRETS = '/api/v1/namespaces/default/secrets';
const MERGE = 'application/merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';
const APPLY = 'application/apply-patch+yaml';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

const STATUS = {
  operationalStatus: 'OK',
  errorMessage: '',
  errorCount: 0,
  provisioningFailCount: 0,
  poweredOn: false,
  provisioning: { state: 'registering', ID: '' },
};

const host = (name: string, spec: object, metadata: object = {}) => ({
  apiVersion: 'metal3.io/v1alpha1',
  kind: 'BareMetalHost',
  metadata: { name, ...metadata },
  spec,
});

const secret = (name: string, more: object) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, ...more });

export const TWIN_STEPS: readonly Step[] = [
  {
    name: 'create',
    method: 'POST',
    path: HOSTS,
    options: {
      body: host(
        'a',
        { online: true, bmc: { address: 'ipmi://1.2.3.4', credentialsName: 'x' } },
        { labels: { r: 'a' } },
      ),
    },
  },
  { name: 'create again', method: 'POST', path: HOSTS, options: { body: host('a', { online: true }) } },
  { name: 'get', method: 'GET', path: `${HOSTS}/a` },
  { name: 'get missing', method: 'GET', path: `${HOSTS}/zz` },
  {
    name: 'create bad',
    method: 'POST',
    path: HOSTS,
    options: {
      body: host('b', {
        online: 'x',
        bootMode: 'q',
        bmc: {},
        image: { format: 'x' },
        bootMACAddress: 'zz',
        raid: { softwareRAIDVolumes: [{ level: '7', physicalDisks: [{}], sizeGibibytes: -1 }, {}, {}] },
      }),
    },
  },
  {
    name: 'too many',
    method: 'POST',
    path: HOSTS,
    options: {
      body: host('b', {
        online: true,
        raid: { hardwareRAIDVolumes: [{ level: '1', name: 'x'.repeat(70), numberOfPhysicalDisks: 0 }] },
      }),
    },
  },
  {
    name: 'null field',
    method: 'POST',
    path: HOSTS,
    options: { body: host('b', { online: null, bootMode: null, description: null }) },
  },
  {
    name: 'null default',
    method: 'POST',
    path: HOSTS + '?dryRun=All',
    options: { body: host('nd', { online: true, automatedCleaningMode: null, raid: { hardwareRAIDVolumes: null } }) },
  },
  { name: 'bad name', method: 'POST', path: HOSTS, options: { body: host('B_d', { online: true }) } },
  { name: 'no name', method: 'POST', path: HOSTS, options: { body: { ...host('x', { online: true }), metadata: {} } } },
  {
    name: 'bad label',
    method: 'POST',
    path: HOSTS,
    options: {
      body: host(
        'b',
        { online: true },
        { labels: { 'a b': 'c d', x: 'y'.repeat(70) }, annotations: { 'q r': 'x' }, finalizers: ['nope'] },
      ),
    },
  },
  {
    name: 'wrong ns',
    method: 'POST',
    path: HOSTS,
    options: { body: host('b', { online: true }, { namespace: 'other' }) },
  },
  {
    name: 'missing ns',
    method: 'POST',
    path: HOSTS.replace('default', 'nowhere'),
    options: { body: host('b', { online: true }) },
  },
  {
    name: 'strict',
    method: 'POST',
    path: `${HOSTS}?fieldValidation=Strict`,
    options: { body: host('b', { online: true, foo: 1, image: { url: 'x', q: 1 } }, { zork: 1 }) },
  },
  {
    name: 'strict dup',
    method: 'POST',
    path: `${HOSTS}?fieldValidation=Strict`,
    options: {
      body: '{"apiVersion":"metal3.io/v1alpha1","kind":"BareMetalHost","metadata":{"name":"d"},"spec":{"online":true,"online":false,"foo":1}}',
    },
  },
  { name: 'bad dryrun', method: 'POST', path: `${HOSTS}?dryRun=Foo`, options: { body: host('b', { online: true }) } },
  {
    name: 'bad fv',
    method: 'POST',
    path: `${HOSTS}?fieldValidation=Foo`,
    options: { body: host('b', { online: true }) },
  },
  {
    name: 'merge patch',
    method: 'PATCH',
    path: `${HOSTS}/a`,
    options: { contentType: MERGE, body: { spec: { online: false, description: 'd' } } },
  },
  {
    name: 'merge patch status ignored',
    method: 'PATCH',
    path: `${HOSTS}/a`,
    options: { contentType: MERGE, body: { status: STATUS } },
  },
  {
    name: 'status',
    method: 'PATCH',
    path: `${HOSTS}/a/status`,
    options: { contentType: MERGE, body: { status: STATUS, spec: { online: true } } },
  },
  {
    name: 'status cond',
    method: 'PATCH',
    path: `${HOSTS}/a/status`,
    options: {
      contentType: MERGE,
      body: {
        status: {
          conditions: [
            { type: 'Ready', status: 'True', reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
          ],
        },
      },
    },
  },
  {
    name: 'status bad',
    method: 'PATCH',
    path: `${HOSTS}/a/status`,
    options: { contentType: MERGE, body: { status: { operationalStatus: 'q', errorType: '' } } },
  },
  {
    name: 'json patch',
    method: 'PATCH',
    path: `${HOSTS}/a`,
    options: {
      contentType: JSON_PATCH,
      body: [
        { op: 'test', path: '/spec/online', value: false },
        { op: 'add', path: '/metadata/labels/x~1y', value: 'z' },
      ],
    },
  },
  {
    name: 'strategic on cr',
    method: 'PATCH',
    path: `${HOSTS}/a`,
    options: { contentType: STRATEGIC, body: { spec: { online: false } } },
  },
  {
    name: 'unknown patch type',
    method: 'PATCH',
    path: `${HOSTS}/a`,
    options: { contentType: 'application/json', body: { spec: { online: false } } },
  },
  {
    name: 'patch missing',
    method: 'PATCH',
    path: `${HOSTS}/zz`,
    options: { contentType: MERGE, body: { spec: { online: false } } },
  },
  {
    name: 'patch name',
    method: 'PATCH',
    path: `${HOSTS}/a`,
    options: { contentType: MERGE, body: { metadata: { name: 'b' } } },
  },
  {
    name: 'stale patch',
    method: 'PATCH',
    path: `${HOSTS}/a`,
    options: { contentType: MERGE, body: { metadata: { resourceVersion: '1' }, spec: { online: false } } },
  },
  {
    name: 'put stale',
    method: 'PUT',
    path: `${HOSTS}/a`,
    options: { body: host('a', { online: true }, { resourceVersion: '1' }) },
  },
  {
    name: 'put wrong name',
    method: 'PUT',
    path: `${HOSTS}/a`,
    options: { body: host('b', { online: true }, { resourceVersion: '1' }) },
  },
  {
    name: 'put missing',
    method: 'PUT',
    path: `${HOSTS}/zz`,
    options: { body: host('zz', { online: true }, { resourceVersion: '1' }) },
  },
  {
    name: 'ssa no manager',
    method: 'PATCH',
    path: `${HOSTS}/s`,
    options: { contentType: APPLY, body: host('s', { online: true }) },
  },
  {
    name: 'ssa create',
    method: 'PATCH',
    path: `${HOSTS}/s?fieldManager=m1`,
    options: {
      contentType: APPLY,
      body: host('s', { online: true, image: { url: 'u', format: 'raw' } }, { labels: { a: 'b' } }),
    },
  },
  {
    name: 'ssa same',
    method: 'PATCH',
    path: `${HOSTS}/s?fieldManager=m1`,
    options: {
      contentType: APPLY,
      body: host('s', { online: true, image: { url: 'u', format: 'raw' } }, { labels: { a: 'b' } }),
    },
  },
  {
    name: 'ssa share',
    method: 'PATCH',
    path: `${HOSTS}/s?fieldManager=m2`,
    options: { contentType: APPLY, body: host('s', { online: true, image: { url: 'u' } }) },
  },
  {
    name: 'ssa conflict',
    method: 'PATCH',
    path: `${HOSTS}/s?fieldManager=m2`,
    options: { contentType: APPLY, body: host('s', { online: false, image: { url: 'u2' } }, { labels: { a: 'c' } }) },
  },
  {
    name: 'ssa one conflict',
    method: 'PATCH',
    path: `${HOSTS}/s?fieldManager=m2`,
    options: { contentType: APPLY, body: host('s', { online: false }) },
  },
  {
    name: 'ssa force',
    method: 'PATCH',
    path: `${HOSTS}/s?fieldManager=m2&force=true`,
    options: { contentType: APPLY, body: host('s', { online: false, image: { url: 'u' } }) },
  },
  {
    name: 'ssa remove',
    method: 'PATCH',
    path: `${HOSTS}/s?fieldManager=m1`,
    options: { contentType: APPLY, body: host('s', {}) },
  },
  {
    name: 'ssa update',
    method: 'PATCH',
    path: `${HOSTS}/s?fieldManager=upd`,
    options: {
      contentType: MERGE,
      body: { spec: { description: 'x', online: true }, metadata: { labels: { z: 'z' }, finalizers: ['a.b/c'] } },
    },
  },
  {
    name: 'ssa status',
    method: 'PATCH',
    path: `${HOSTS}/s/status?fieldManager=m3`,
    options: {
      contentType: APPLY,
      body: {
        ...host('s', { online: true }),
        status: {
          ...STATUS,
          conditions: [
            { type: 'A', status: 'True', reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
          ],
        },
      },
    },
  },
  {
    name: 'ssa status 2',
    method: 'PATCH',
    path: `${HOSTS}/s/status?fieldManager=m4`,
    options: {
      contentType: APPLY,
      body: {
        ...host('s', { online: true }),
        status: {
          conditions: [
            { type: 'B', status: 'True', reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
          ],
        },
      },
    },
  },
  {
    name: 'ssa status conflict',
    method: 'PATCH',
    path: `${HOSTS}/s/status?fieldManager=m4`,
    options: {
      contentType: APPLY,
      body: {
        ...host('s', { online: true }),
        status: {
          conditions: [
            { type: 'A', status: 'False', reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
          ],
        },
      },
    },
  },
  {
    name: 'ssa bad',
    method: 'PATCH',
    path: `${HOSTS}/s?fieldManager=m1`,
    options: { contentType: APPLY, body: host('s', { bootMode: 'x' }) },
  },
  {
    name: 'ssa conflict with update',
    method: 'PATCH',
    path: `${HOSTS}/s?fieldManager=m1`,
    options: { contentType: APPLY, body: host('s', { online: false }) },
  },
  { name: 'list', method: 'GET', path: HOSTS },
  { name: 'table', method: 'GET', path: HOSTS, options: { accept: TABLE } },
  { name: 'table one', method: 'GET', path: `${HOSTS}/a`, options: { accept: TABLE } },
  {
    name: 'table none',
    method: 'GET',
    path: `${HOSTS}?labelSelector=q%3Dz&includeObject=None`,
    options: { accept: TABLE },
  },
  {
    name: 'metadata only',
    method: 'GET',
    path: `${HOSTS}/a`,
    options: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
  },
  {
    name: 'metadata list',
    method: 'GET',
    path: HOSTS,
    options: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' },
  },
  { name: 'bad field selector', method: 'GET', path: `${HOSTS}?fieldSelector=spec.online%3Dtrue` },
  { name: 'field selector', method: 'GET', path: `${HOSTS}?fieldSelector=metadata.name%3Da` },
  { name: 'delete bad policy', method: 'DELETE', path: `${HOSTS}/a`, options: { body: { propagationPolicy: 'x' } } },
  { name: 'delete', method: 'DELETE', path: `${HOSTS}/a` },
  { name: 'delete missing', method: 'DELETE', path: `${HOSTS}/a` },
  { name: 'delete finalized', method: 'DELETE', path: `${HOSTS}/s` },
  {
    name: 'deleting remove finalizer',
    method: 'PATCH',
    path: `${HOSTS}/s`,
    options: { contentType: MERGE, body: { metadata: { finalizers: [] } } },
  },
  {
    name: 'secret',
    method: 'POST',
    path: SECRETS,
    options: { body: secret('s', { stringData: { a: 'b' }, data: { c: 'ZA==' } }) },
  },
  {
    name: 'secret type change',
    method: 'PATCH',
    path: `${SECRETS}/s`,
    options: { contentType: MERGE, body: { type: 'x/y' } },
  },
  {
    name: 'secret strategic',
    method: 'PATCH',
    path: `${SECRETS}/s`,
    options: {
      contentType: STRATEGIC,
      body: { stringData: { a: 'c' }, data: { c: null }, metadata: { finalizers: ['a.b/c'] } },
    },
  },
  {
    name: 'secret strategic 2',
    method: 'PATCH',
    path: `${SECRETS}/s`,
    options: { contentType: STRATEGIC, body: { metadata: { '$deleteFromPrimitiveList/finalizers': ['a.b/c'] } } },
  },
  {
    name: 'secret immutable',
    method: 'PATCH',
    path: `${SECRETS}/s`,
    options: { contentType: MERGE, body: { immutable: true } },
  },
  {
    name: 'secret immutable change',
    method: 'PATCH',
    path: `${SECRETS}/s`,
    options: { contentType: MERGE, body: { data: { q: 'ZA==' } } },
  },
  {
    name: 'secret put unconditional',
    method: 'PUT',
    path: `${SECRETS}/s`,
    options: { body: secret('s', { type: 'Opaque', immutable: true, data: { a: 'Yw==' } }) },
  },
  { name: 'secret delete', method: 'DELETE', path: `${SECRETS}/s` },
  {
    name: 'event ns',
    method: 'POST',
    path: '/api/v1/namespaces/default/events',
    options: {
      body: {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: 'Ev-2' },
        involvedObject: { kind: 'BareMetalHost', namespace: 'x', name: 'a' },
        reason: 'R',
        message: 'M',
        type: 'Normal',
      },
    },
  },
  { name: 'deletecollection', method: 'DELETE', path: HOSTS },
];
