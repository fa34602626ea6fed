import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import type { Command } from 'commander';
import { bmcCommand } from '../../src/cli/bmc/bmc.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SPOKEN = /ingot bmc ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?/g;

/** A hint is followed word by word at night: `ingot bmc reset` restarts the machine, not its BMC. */
test('every `ingot bmc` command that a hint, a help text or the README names exists', () => {
  const bmc = bmcCommand();
  const named = (parent: Command, name: string) => parent.commands.find((c) => c.name() === name);
  const files = ['README.md', 'docs/errors.md', ...globSync('src/**/*.ts', { cwd: ROOT })];
  let found = 0;
  for (const file of files) {
    for (const [text, word = '', next] of readFileSync(path.join(ROOT, file), 'utf8').matchAll(SPOKEN)) {
      const command = named(bmc, word);
      assert.ok(command, `${file}: ${text}`);
      if (command.commands.length > 0 && next !== undefined) assert.ok(named(command, next), `${file}: ${text}`);
      found++;
    }
  }
  assert.ok(found > 10, `${found} found`);
});

test('a hint about restarting the BMC does not restart the machine', () => {
  const page = readFileSync(path.join(ROOT, 'docs/errors.md'), 'utf8');
  for (const line of page.split('\n')) {
    if (/restart(ing)? the BMC/.test(line)) assert.doesNotMatch(line, /ingot bmc (reset|cycle|off)/, line);
  }
});
