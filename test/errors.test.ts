import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { errorTables, renderErrors } from '../hack/errors-doc.ts';

test('docs/errors.md says what the tables say', async () => {
  const page = readFileSync(path.resolve(import.meta.dirname, '../docs/errors.md'), 'utf8');
  assert.equal(page, await renderErrors(), 'run: npm run docs:errors');
});

test('codes are unique, in SCREAMING_SNAKE, and each says what to do', async () => {
  const seen = new Map<string, string>();
  for (const [file, specs] of await errorTables()) {
    for (const [code, spec] of Object.entries(specs)) {
      assert.match(code, /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/, `${code} in ${file}`);
      assert.equal(seen.get(code), undefined, `${code} is in ${file} and ${seen.get(code)}`);
      assert.ok(spec.hint.length > 0, `${code} has no hint`);
      seen.set(code, file);
    }
  }
  assert.ok(seen.size > 20);
});
