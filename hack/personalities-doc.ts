/** Writes docs/personalities.md from the personalities of the Redfish simulator. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { sourceOf } from '../src/sim/redfish/evidence.ts';
import { EXTRA_QUIRKS } from '../src/sim/redfish/extra-quirks.ts';
import { claimsOf } from '../src/sim/redfish/personality.ts';
import { PERSONALITIES } from '../src/sim/redfish/personalities/all.ts';

export function renderPersonalities(): string {
  const lines = [
    '# Personalities of the Redfish simulator',
    '',
    'What `ingot sim --personality NAME` plays, and from where each detail is known. This page is written by',
    '`npm run docs:personalities` from `src/sim/redfish/personalities/`; do not edit it.',
    '',
    'Evidence is one of three kinds: *reference*, the project’s own notes on BMCs, which name what they were read from;',
    '*public*, something that anybody can read; *assumption*, what nobody showed us.',
  ];
  const cell = (text: string) => text.replaceAll('|', '\\|');
  for (const personality of PERSONALITIES) {
    const { name, manufacturer, model, bmcVersion } = personality;
    lines.push('', `## ${name}`, '', `${manufacturer} ${model}, ${bmcVersion}.`, '');
    lines.push('| What | Evidence | Source | What it says |', '|---|---|---|---|');
    for (const { claim, evidence } of claimsOf(personality)) {
      lines.push(`| ${claim} | ${evidence.kind} | ${cell(sourceOf(evidence))} | ${cell(evidence.said)} |`);
    }
  }
  lines.push('', '## Quirks of `--quirk`', '', 'For any personality, since none has them.', '');
  lines.push('| What | Evidence | Source | What it says |', '|---|---|---|---|');
  for (const { kind, evidence } of EXTRA_QUIRKS) {
    lines.push(`| ${kind} | ${evidence.kind} | ${cell(sourceOf(evidence))} | ${cell(evidence.said)} |`);
  }
  return `${lines.join('\n')}\n`;
}

if (import.meta.main) {
  writeFileSync(path.resolve(import.meta.dirname, '../docs/personalities.md'), renderPersonalities());
}
