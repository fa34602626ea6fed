/** Writes docs/errors.md from the error tables of every room. `--check` only compares. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ErrorSpec } from '../src/core/errors.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const TARGET = path.join(ROOT, 'docs/errors.md');

/** Every table made with `defineErrors`, found by looking: a new room needs no registration. */
export async function errorTables(): Promise<Map<string, Record<string, ErrorSpec>>> {
  const tables = new Map<string, Record<string, ErrorSpec>>();
  const files = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).sort();
  for (const file of files) {
    if (!file.endsWith('.ts')) continue;
    const full = path.join(ROOT, 'src', file);
    if (!/= defineErrors\(/.test(readFileSync(full, 'utf8'))) continue;
    const module = (await import(full)) as Record<string, unknown>;
    for (const value of Object.values(module)) {
      if (isTable(value)) tables.set(file, { ...tables.get(file), ...value.specs });
    }
  }
  return tables;
}

function isTable(value: unknown): value is { specs: Record<string, ErrorSpec> } {
  return typeof value === 'object' && value !== null && 'specs' in value && 'make' in value;
}

export async function renderErrors(): Promise<string> {
  const lines = [
    '# Error codes',
    '',
    'Every failure has a stable code. This page is written by `npm run docs:errors` from the tables in `src/`; do not edit it.',
    '“Who acts” says whose move it is: the person who wrote the input, the peer, the network, the machine, or Ingot itself.',
    '“Again” means that the same action may succeed later without anybody changing anything, and Ingot tries it again.',
  ];
  for (const [file, specs] of await errorTables()) {
    lines.push(
      '',
      `## ${path.posix.dirname(file)}`,
      '',
      '| Code | Who acts | Again | What to do |',
      '|---|---|---|---|',
    );
    for (const [code, spec] of Object.entries(specs)) {
      lines.push(
        `| \`${code}\` | ${spec.blame} | ${spec.retry ? 'yes' : 'no'} | ${spec.hint.replaceAll('|', '\\|')} |`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

if (import.meta.main) {
  const text = await renderErrors();
  if (process.argv.includes('--check')) {
    if (readFileSync(TARGET, 'utf8') !== text) throw new Error('docs/errors.md is stale: run npm run docs:errors');
  } else {
    mkdirSync(path.dirname(TARGET), { recursive: true });
    writeFileSync(TARGET, text);
  }
}
