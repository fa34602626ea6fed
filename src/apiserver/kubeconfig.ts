import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { formatYaml } from '../api/yaml.ts';

export interface KubeconfigOptions {
  /** Where to write it; readable by its owner alone, because the token is in it. */
  file: string;
  /** `https://host:port` */
  url: string;
  caPem: string;
  token: string;
  /** Namespace that kubectl uses when none is given. Default `default`. */
  namespace?: string;
}

/** Writes a kubeconfig with the CA inside, so that the file alone is enough. Replaces an older one in one step. */
export async function writeKubeconfig(options: KubeconfigOptions): Promise<void> {
  const { file, url, caPem, token, namespace = 'default' } = options;
  const name = 'ingot';
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: url, 'certificate-authority-data': Buffer.from(caPem).toString('base64') } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name, context: { cluster: name, user: 'admin', namespace } }],
    'current-context': name,
  };
  await mkdir(path.dirname(file), { recursive: true });
  const fresh = `${file}.new`;
  await writeFile(fresh, formatYaml(config), { mode: 0o600 });
  await chmod(fresh, 0o600);
  await rename(fresh, file);
}
