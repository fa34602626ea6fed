import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { parseYaml } from '../../src/api/yaml.ts';

/** One API that requests can be sent to. */
export interface Door {
  send(method: string, path: string, options?: SendOptions): Promise<Answer>;
}

export interface SendOptions {
  body?: unknown;
  contentType?: string;
  accept?: string;
}

export interface Answer {
  status: number;
  body: unknown;
  warnings: string[];
}

interface Config {
  clusters: { cluster: { server: string; 'certificate-authority-data'?: string; 'certificate-authority'?: string } }[];
  users: { user: Record<string, string> }[];
}

/** Reads a kubeconfig with one cluster and one user. */
export async function doorOf(kubeconfig: string): Promise<Door> {
  const config = parseYaml(await readFile(kubeconfig, 'utf8')) as Config;
  const cluster = config.clusters[0]!.cluster;
  const user = config.users[0]!.user;
  const ca = await material(cluster, 'certificate-authority');
  const cert = await material(user, 'client-certificate');
  const key = await material(user, 'client-key');
  return {
    send: (method, path, options = {}) =>
      new Promise((resolve, reject) => {
        const { body, contentType = 'application/json', accept = 'application/json' } = options;
        const headers: Record<string, string> = { Accept: accept, 'User-Agent': 'twin/1.0' };
        const bytes =
          body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
        if (bytes !== undefined) headers['Content-Type'] = contentType;
        // Node frames a body of DELETE only when told its length.
        if (bytes !== undefined) headers['Content-Length'] = String(bytes.length);
        if (user['token'] !== undefined) headers['Authorization'] = `Bearer ${user['token']}`;
        const call = request(
          new URL(path, cluster.server),
          { method, headers, ca, cert, key, agent: false },
          (answer) => {
            const chunks: Buffer[] = [];
            answer.on('data', (chunk: Buffer) => chunks.push(chunk));
            answer.on('error', reject);
            answer.on('end', () => {
              const text = Buffer.concat(chunks).toString('utf8');
              const warning = answer.headers['warning'];
              resolve({
                status: answer.statusCode ?? 0,
                body: text.startsWith('{') ? (JSON.parse(text) as unknown) : text,
                warnings: warning === undefined ? [] : [warning].flat(),
              });
            });
          },
        );
        call.on('error', reject);
        call.end(bytes);
      }),
  };
}

async function material(source: Record<string, string>, name: string): Promise<string | undefined> {
  const data = source[`${name}-data`];
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  const file = source[name];
  return file === undefined ? undefined : readFile(file, 'utf8');
}

const VOLATILE: Record<string, string> = {
  uid: 'UID',
  resourceVersion: 'RV',
  creationTimestamp: 'TIME',
  deletionTimestamp: 'TIME',
  time: 'TIME',
};

/**
 * What is compared of an answer. Of several causes the order is left to chance by kube-apiserver, and so is the message
 * that lists them; column descriptions are documentation.
 */
export function comparable(answer: Answer): unknown {
  const { status, body, warnings } = normal(answer) as { status: number; body: unknown; warnings: string[] };
  if (typeof body !== 'object' || body === null) return { status, body };
  const { details, message, columnDefinitions, ...rest } = body as {
    details?: { causes?: unknown[] };
    message?: string;
    columnDefinitions?: Record<string, unknown>[];
  };
  const causes = (details?.causes ?? []).map((c) => JSON.stringify(c)).sort();
  return {
    status,
    warnings,
    rest,
    causes,
    details: { ...details, causes: undefined },
    message: causes.length > 1 ? undefined : message,
    columns: columnDefinitions?.map((column) => ({ ...column, description: '' })),
  };
}

/**
 * Writers of one object, in an order that does not depend on the clock: the servers sort by whole seconds, and a second
 * may end between the same write to the one and to the other. That each sorted by its own times is checked here.
 */
function canonical(entries: readonly unknown[]): unknown[] {
  const fields = entries as { operation: string; time?: string; manager: string; subresource?: string }[];
  const byAge = fields.map((f) => JSON.stringify([f.operation, f.time ?? '', f.manager, f.subresource ?? '']));
  assert.deepEqual(byAge, byAge.toSorted(), 'managedFields: appliers first, then the oldest, then by name');
  return fields.map(normal).sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}

/** An answer without what no two servers have in common: identities, versions, times. */
export function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value === 'string') return value.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UID');
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value).sort(([a], [b]) => a.localeCompare(b))) {
    if (item === null && key === 'creationTimestamp') continue;
    if (item === '' && key === 'continue') continue;
    if (key === 'managedFields' && Array.isArray(item)) {
      out[key] = canonical(item);
      continue;
    }
    const volatile = VOLATILE[key];
    out[key] = volatile !== undefined && typeof item === 'string' && item !== '' ? volatile : normal(item);
  }
  return out;
}
