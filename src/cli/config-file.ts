import { readFile } from 'node:fs/promises';
import { LineCounter, type Document, isMap, isNode, isScalar, parseDocument } from 'yaml';
import type { z } from 'zod';
import { errorText } from '../core/errors.ts';
import { serverErrors } from '../server/errors.ts';
import { type ConfigFile, configSchema, keysAt } from './config-schema.ts';

const HINT = 'every setting is explained in hack/examples/ingot.yaml';

/** @throws SERVER_CONFIG naming file, line and setting of everything that is wrong */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw serverErrors.make('SERVER_CONFIG', `${path} cannot be read: ${errorText(error)}`, { hint: HINT });
  });
  return parseConfig(text, path);
}

/**
 * Pure.
 * @param name what the text is called in messages
 * @throws SERVER_CONFIG
 */
export function parseConfig(text: string, name: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [broken] = [...document.errors, ...document.warnings];
  if (broken !== undefined) throw refuse([`${name}:${lines.linePos(broken.pos[0]).line}: ${broken.message}`]);
  const parsed = configSchema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(spelledOut).map(({ path, key, message }) => {
    const offset = offsetOf(document, path, key);
    const line = offset === undefined ? '' : `:${lines.linePos(offset).line}`;
    return `${name}${line}: ${message}`;
  });
  throw refuse(problems);
}

interface Problem {
  path: readonly PropertyKey[];
  /** The key itself is wrong, not its value. */
  key?: string;
  message: string;
}

function spelledOut(issue: z.core.$ZodIssue): Problem[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path,
      key,
      message: `${dotted([...path, key])} is not a setting${suggestion(path, key)}`,
    }));
  }
  // Of a choice, the alternative that got furthest knows best what is wrong.
  if (issue.code === 'invalid_union') {
    const [message = issue.message] = issue.errors.flatMap((branch) => branch.map((i) => i.message)).slice(-1);
    return [{ path, message: `${dotted(path)}: ${message}` }];
  }
  return [{ path, message: `${path.length === 0 ? '' : `${dotted(path)}: `}${issue.message}` }];
}

/** `dhcp.subnets[0].router` */
function dotted(path: readonly PropertyKey[]): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i === 0 ? '' : '.'}${String(step)}`))
    .join('');
}

function suggestion(path: readonly PropertyKey[], key: string): string {
  const known = keysAt(path);
  const [best] = known.map((k) => ({ k, d: distance(k.toLowerCase(), key.toLowerCase()) })).sort((a, b) => a.d - b.d);
  if (best !== undefined && best.d <= Math.max(2, Math.floor(key.length / 3))) return `; did you mean "${best.k}"?`;
  return known.length === 0 ? '' : `; there are ${known.join(', ')}`;
}

/** Levenshtein: the least number of letters added, dropped and changed. */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const changed = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function offsetOf(document: Document, path: readonly PropertyKey[], key: string | undefined): number | undefined {
  const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
  if (key !== undefined && isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
    if (isNode(pair?.key)) return pair.key.range?.[0];
  }
  if (isNode(node)) return node.range?.[0];
  // A setting that is missing: where its mapping begins.
  return path.length === 0 ? undefined : offsetOf(document, path.slice(0, -1), undefined);
}

function refuse(problems: readonly string[]): Error {
  return serverErrors.make('SERVER_CONFIG', problems.slice(0, 10).join('\n'), { hint: HINT });
}
