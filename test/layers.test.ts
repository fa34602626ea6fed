/** The dependency rule of the architecture, checked over the real import graph. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';

const SRC = path.resolve(import.meta.dirname, '../src');

/** Room → rooms it may import. A room may always import itself; the two compositions may import everything. */
const ALLOWED: Record<string, readonly string[]> = {
  core: [],
  wire: ['core'],
  dhcp: ['core', 'wire'],
  tftp: ['core', 'wire'],
  ipmi: ['core', 'wire'],
  redfish: ['core'],
  disk: ['core', 'wire', 'api', 'agent-protocol'],
  api: ['core', 'wire'],
  image: ['core', 'wire', 'api', 'disk'],
  bmc: ['core', 'wire', 'ipmi', 'redfish', 'api'],
  boot: ['core', 'wire', 'api', 'dhcp', 'disk', 'agent-protocol', 'store'],
  'agent-protocol': ['core', 'wire', 'api'],
  agent: ['core', 'wire', 'disk', 'image', 'api', 'agent-protocol'],
  provisioner: ['core', 'wire', 'api', 'boot', 'bmc', 'disk', 'image', 'agent-protocol', 'store'],
  host: ['core', 'wire', 'api', 'agent-protocol', 'bmc', 'disk', 'provisioner', 'store'],
  controllers: ['core', 'wire', 'api', 'store', 'bmc'],
  store: ['core', 'wire', 'api'],
  apiserver: ['core', 'wire', 'api', 'store'],
  server: ['core', 'wire', 'api', 'boot', 'disk', 'image', 'tftp', 'agent-protocol', 'provisioner', 'store'],
  sim: ['core', 'wire', 'ipmi', 'api'],
  ui: ['api'],
};

/** Third-party package → the only places that may name it. `type` imports count. */
const HOMES: Record<string, readonly string[]> = {
  pino: ['core/log-pino.ts'],
  'prom-client': ['core/metrics.ts'],
  'node:sqlite': ['store/embedded/'],
  '@kubernetes/client-node': ['store/kube/'],
  fastify: ['server/', 'apiserver/'],
  undici: ['redfish/', 'image/', 'store/kube/'],
  commander: ['cli/'],
  ajv: ['api/', 'store/embedded/', 'apiserver/'],
  zod: ['agent-protocol/', 'redfish/', 'cli/', 'server/', 'sim/'],
  yaml: ['api/', 'host/', 'cli/', 'store/', 'apiserver/', 'sim/', 'standalone.ts', 'operator.ts'],
  'node:child_process': ['core/exec.ts', 'dhcp/device-socket.ts', 'dhcp/sockets.ts', 'agent/', 'sim/', 'image/'],
};

/** What `host/` may see of `provisioner/`: the interface alone. */
const PROVISIONER_FACE = 'provisioner/provisioner.ts';

interface Edge {
  from: string;
  to: string;
}

function sources(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.ts'))
    .map((f) => f.split(path.sep).join('/'));
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s*['"]([^'"]+)['"]|(?:^|[^\w.])import\(\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;

function importsOf(file: string): string[] {
  const text = readFileSync(path.join(SRC, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
  return [...text.matchAll(IMPORT)].map((m) => m[1] ?? m[2] ?? m[3] ?? '');
}

function graph(): { inside: Edge[]; outside: Edge[] } {
  const inside: Edge[] = [];
  const outside: Edge[] = [];
  for (const from of sources()) {
    for (const to of importsOf(from)) {
      if (to.endsWith('.json')) continue;
      if (to.startsWith('.')) inside.push({ from, to: path.posix.join(path.posix.dirname(from), to) });
      else outside.push({ from, to });
    }
  }
  return { inside, outside };
}

const room = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/')) : file);
const { inside, outside } = graph();

test('the import graph was really read', () => {
  assert.ok(inside.length > 50, `only ${inside.length} imports found`);
  assert.ok(outside.some((e) => e.to === 'pino'));
});

test('rooms import only what the architecture allows', () => {
  const bad = inside
    .map((e) => ({ ...e, fromRoom: room(e.from), toRoom: room(e.to) }))
    .filter((e) => e.fromRoom !== e.toRoom && e.from.includes('/') && e.fromRoom !== 'cli')
    .filter((e) => !(ALLOWED[e.fromRoom] ?? []).includes(e.toRoom));
  assert.deepEqual(
    bad.map((e) => `${e.from} → ${e.to}`),
    [],
  );
});

test('host sees only the interface of provisioner', () => {
  const bad = inside.filter(
    (e) => room(e.from) === 'host' && room(e.to) === 'provisioner' && e.to !== PROVISIONER_FACE,
  );
  assert.deepEqual(bad, []);
});

test('store implementations are named only in the compositions', () => {
  const bad = inside.filter(
    (e) =>
      /^store\/(kube|embedded)\//.test(e.to) &&
      e.from.includes('/') &&
      !e.from.startsWith(path.posix.dirname(e.to)) &&
      !e.from.startsWith('apiserver/'),
  );
  assert.deepEqual(
    bad.map((e) => `${e.from} → ${e.to}`),
    [],
  );
});

test('each third-party package has one home', () => {
  const bad = outside.filter((e) => {
    const homes =
      HOMES[e.to] ??
      HOMES[
        e.to
          .split('/')
          .slice(0, e.to.startsWith('@') ? 2 : 1)
          .join('/')
      ];
    return homes === undefined ? !e.to.startsWith('node:') : !homes.some((h) => e.from.startsWith(h));
  });
  assert.deepEqual(
    bad.map((e) => `${e.from} → ${e.to}`),
    [],
  );
});
