import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DEFAULT_DATA_DIR } from './up.ts';

/**
 * Folder of an engine's data, for commands that look into it.
 * @param data as asked for; else the folder of the kubeconfig, when `ingot up` keeps its data there; else the usual one
 * @param kubeconfig as asked for; else KUBECONFIG
 */
export function dataFolder(data: string | undefined, kubeconfig?: string): string {
  if (data !== undefined) return data;
  const beside = dirname(kubeconfig ?? process.env['KUBECONFIG'] ?? '');
  return existsSync(join(beside, 'secret.key')) ? beside : DEFAULT_DATA_DIR;
}

export const DATA_HELP = `data folder of ingot up (default: where the kubeconfig is, else ${DEFAULT_DATA_DIR})`;
