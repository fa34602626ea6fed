import { parseAllDocuments, parseDocument, stringify } from 'yaml';

/** Alias expansion is bounded, so that a small file cannot become a large object. */
const MAX_ALIASES = 100;

/**
 * Parses one YAML (or JSON) document; duplicate keys are errors.
 * @throws Error with line and column of the first mistake
 */
export function parseYaml(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) throw new Error(error.message, { cause: error });
  return document.toJS({ maxAliasCount: MAX_ALIASES });
}

/** Like `parseYaml` for files with several documents; empty ones are left out. */
export function parseYamlDocuments(text: string): unknown[] {
  const out: unknown[] = [];
  for (const document of parseAllDocuments(text, { uniqueKeys: true })) {
    if (!('errors' in document)) continue;
    const [error] = document.errors;
    if (error !== undefined) throw new Error(error.message, { cause: error });
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    if (value !== null && value !== undefined) out.push(value);
  }
  return out;
}

export function formatYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 });
}
