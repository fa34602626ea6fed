import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseYamlDocuments } from '../yaml.ts';
import { isObject } from '../validation/schema.ts';
import type { CustomResourceDefinition } from './crd.ts';

/** The folder `crds/` of this installation. */
export const CRD_FOLDER = fileURLToPath(new URL('../../../crds/', import.meta.url));

/**
 * Reads every CustomResourceDefinition from the YAML files of a folder, in order of file name.
 * @throws what reading a file or parsing YAML throws
 */
export async function loadCrds(folder: string = CRD_FOLDER): Promise<CustomResourceDefinition[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
  const crds: CustomResourceDefinition[] = [];
  for (const file of files) {
    for (const document of parseYamlDocuments(await readFile(path.join(folder, file), 'utf8'))) {
      if (isCrd(document)) crds.push(document);
    }
  }
  return crds;
}

function isCrd(document: unknown): document is CustomResourceDefinition {
  return isObject(document) && document['kind'] === 'CustomResourceDefinition';
}
