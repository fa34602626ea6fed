import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import https from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { parseYamlDocuments } from '../api/yaml.ts';
import { defineErrors } from '../core/errors.ts';

export const cliErrors = defineErrors({
  CLI_KUBECONFIG: {
    blame: 'user',
    retry: false,
    hint: 'point --kubeconfig or KUBECONFIG at the file that `ingot up` wrote',
  },
  CLI_API: { blame: 'network', retry: true, hint: 'is `ingot up` running?' },
  CLI_ARGUMENT: { blame: 'user', retry: false, hint: 'see --help of the command' },
  CLI_FILE: { blame: 'user', retry: false, hint: 'check the name of the file and who may read it' },
  CLI_NOT_FOUND: { blame: 'user', retry: false, hint: 'see `kubectl get baremetalhosts -A`' },
});

const base64 = z.string().optional();
const kubeconfig = z.object({
  'current-context': z.string(),
  contexts: z.array(
    z.object({
      name: z.string(),
      context: z.object({ cluster: z.string(), user: z.string(), namespace: z.string().optional() }),
    }),
  ),
  clusters: z.array(
    z.object({ name: z.string(), cluster: z.object({ server: z.url(), 'certificate-authority-data': base64 }) }),
  ),
  users: z.array(
    z.object({
      name: z.string(),
      user: z.object({
        token: z.string().optional(),
        'client-certificate-data': base64,
        'client-key-data': base64,
      }),
    }),
  ),
});

export interface ApiAccess {
  server: string;
  namespace: string;
  ca: Buffer | undefined;
  token: string | undefined;
  cert: Buffer | undefined;
  key: Buffer | undefined;
}

/**
 * Reads how to reach the API: by token or client certificate. Other ways (plug-ins) are kubectl's own.
 * @param file undefined: `KUBECONFIG`, then the data folder's, then `~/.kube/config`
 * @throws CLI_KUBECONFIG
 */
export async function readAccess(file: string | undefined, dataDir: string): Promise<ApiAccess> {
  const given = file ?? process.env['KUBECONFIG'];
  const ours = join(dataDir, 'kubeconfig');
  const own = join(homedir(), '.kube/config');
  const path = given ?? (existsSync(ours) || !existsSync(own) ? ours : own);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw cliErrors.make('CLI_KUBECONFIG', `${path} cannot be read`, { cause });
  });
  const parsed = kubeconfig.safeParse(parseYamlDocuments(text)[0]);
  if (!parsed.success) throw cliErrors.make('CLI_KUBECONFIG', `${path} is not a kubeconfig with one current context`);
  const { data } = parsed;
  const context = data.contexts.find((c) => c.name === data['current-context'])?.context;
  const cluster = data.clusters.find((c) => c.name === context?.cluster)?.cluster;
  const user = data.users.find((u) => u.name === context?.user)?.user;
  if (cluster === undefined) throw cliErrors.make('CLI_KUBECONFIG', `${path} has no current context`);
  return {
    server: cluster.server,
    namespace: context?.namespace ?? 'default',
    ca: bytes(cluster['certificate-authority-data']),
    token: user?.token,
    cert: bytes(user?.['client-certificate-data']),
    key: bytes(user?.['client-key-data']),
  };
}

function bytes(text: string | undefined): Buffer | undefined {
  return text === undefined ? undefined : Buffer.from(text, 'base64');
}

const MAX_REPLY = 16 << 20;

/** Reads one object. @throws CLI_API, CLI_NOT_FOUND */
export function getObject(access: ApiAccess, path: string, what: string): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const request = https.get(
    new URL(path, access.server),
    {
      headers: access.token === undefined ? {} : { authorization: `Bearer ${access.token}` },
      ...(access.ca === undefined ? {} : { ca: access.ca }),
      ...(access.cert === undefined ? {} : { cert: access.cert, key: access.key }),
      timeout: 10_000,
      agent: false,
    },
    (reply) => {
      const chunks: Uint8Array[] = [];
      let size = 0;
      reply.on('data', (chunk: Uint8Array) => {
        size += chunk.length;
        if (size > MAX_REPLY) request.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      reply.on('end', () => {
        if (reply.statusCode === 200) resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
        else if (reply.statusCode === 404) reject(cliErrors.make('CLI_NOT_FOUND', `${what} does not exist`));
        else reject(cliErrors.make('CLI_API', `${access.server} answered ${reply.statusCode} for ${what}`));
      });
    },
  );
  request.on('timeout', () => request.destroy(new Error('no answer in 10 s')));
  request.on('error', (cause) =>
    reject(cliErrors.make('CLI_API', `${access.server} cannot be reached: ${cause.message}`, { cause })),
  );
  return promise;
}
