/** Clients that we did not write judge the simulated Redfish BMC, in every personality. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { describe } from 'node:test';
import { exec } from '../../src/core/exec.ts';
import { PERSONALITIES } from '../../src/sim/redfish/personalities/all.ts';
import type { Personality } from '../../src/sim/redfish/personality.ts';
import type { QuirkKind } from '../../src/sim/redfish/quirks.ts';
import { peersFolder } from '../support/peers.ts';
import { PEER_EXPECTATIONS } from '../support/redfish-peers.ts';
import { PASSWORD, USER, startTestBmc } from '../support/redfish-sim.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** requests, which both use, prefers these to what it is told about certificates. */
const NO_BUNDLES = { REQUESTS_CA_BUNDLE: '', CURL_CA_BUNDLE: '' };

/** What fails and is explained by a quirk of this personality; anything else is a failure of the test. */
function explain(
  personality: Personality,
  failed: readonly string[],
  expected: Readonly<Record<string, QuirkKind>> = {},
): void {
  const has = new Set(personality.quirks.map((quirk) => quirk.kind));
  for (const [what, quirk] of Object.entries(expected)) assert.ok(has.has(quirk), `${what}: no such quirk ${quirk}`);
  assert.deepEqual(
    failed.filter((what) => !Object.hasOwn(expected, what)),
    [],
    'fails without a reason',
  );
  assert.deepEqual(
    Object.keys(expected).filter((what) => !failed.includes(what)),
    [],
    'exceptions that are none any more',
  );
}

interface Row {
  assertion: string;
  result: string;
  line: string;
}

async function validate(url: string): Promise<Row[]> {
  const validator = path.join(await peersFolder(), 'bin/rf_protocol_validator');
  const reports = await mkdtemp(path.join(tmpdir(), 'ingot-validator-'));
  try {
    const access = ['-u', USER, '-p', PASSWORD, '-r', url, '--no-cert-check', '--avoid-http-redirect'];
    await exec(validator, [...access, '--report-dir', reports, '--report-type', 'tsv'], {
      env: NO_BUNDLES,
      ok: [0, 1],
    });
    const file = (await readdir(reports)).find((name) => name.endsWith('.tsv')) ?? '';
    const text = await readFile(path.join(reports, file), 'utf8');
    return text
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t'))
      .map((cells) => ({
        assertion: cells[0] ?? '',
        result: cells[4] ?? '',
        line: [cells[0], cells[1], cells[3], cells[5]].join(' | '),
      }));
  } finally {
    await rm(reports, { recursive: true, force: true });
  }
}

/** A run takes 25 s and hardly any processor: most of it waits for answers to a multicast. All together take 50 s. */
describe('the DMTF’s redfish-protocol-validator', { concurrency: true }, () => {
  for (const personality of PERSONALITIES) {
    const { without = {}, validator } = PEER_EXPECTATIONS[personality.name] ?? {};
    test(`${personality.name}: fails nothing but what a quirk explains`, { timeout: 540_000 }, async (t) => {
      const quirks = personality.quirks.filter(({ kind }) => !Object.hasOwn(without, kind));
      for (const kind of Object.keys(without))
        assert.ok(
          personality.quirks.some((q) => q.kind === kind),
          kind,
        );
      await using bmc = await startTestBmc({ tls: true, personality: { ...personality, quirks } });
      const rows = await validate(bmc.bmc.url);
      const failed = rows.filter((row) => row.result === 'FAIL');
      for (const { line } of failed) t.diagnostic(line);
      explain(personality, [...new Set(failed.map((row) => row.assertion))], validator);
      const passed = rows.filter((row) => row.result === 'PASS').length;
      assert.ok(passed > 300, `only ${passed} checks passed`);
    });
  }
});

describe('Ironic’s client library (Debian’s python3-sushy)', { concurrency: true }, () => {
  for (const personality of PERSONALITIES) {
    test(`${personality.name}: runs a machine, but for what a quirk explains`, { timeout: 240_000 }, async () => {
      await using t = await startTestBmc({ personality });
      const script = path.join(ROOT, 'test/support/sushy-tour.py');
      const image = 'http://192.0.2.1/ramdisk.iso';
      const { system } = t.bmc.service.paths;
      const { stdout } = await exec(
        '/usr/bin/python3',
        [script, `${t.bmc.url}/redfish/v1`, USER, PASSWORD, image, system],
        { env: NO_BUNDLES },
      );
      const seen = JSON.parse(stdout) as Record<string, unknown>;
      const failed = Object.keys(seen).filter((step) => String(seen[step]).startsWith('failed: '));
      explain(personality, failed, PEER_EXPECTATIONS[personality.name]?.sushy);
      const { facts, boots } = t.machine;
      const wanted: Record<string, unknown> = {
        system: 'Off',
        boot: true,
        on: 'On',
        media: [true, image],
        registry: 9,
        bios: true,
        applied: true,
        'secure boot': true,
        volume: true,
        update: true,
        macs: facts.nics.map((nic) => nic.mac.toUpperCase()),
        disks: facts.drives.map((drive) => drive.bytes),
        off: 'Off',
      };
      for (const step of failed) wanted[step] = seen[step];
      assert.deepEqual(seen, wanted);
      assert.equal(boots[0]?.from, 'network');
      // On iDRAC it is a job of the next start, which the tour does not make.
      const waits = personality.quirks.some((q) => q.kind === 'bios-job');
      if (!failed.includes('secure boot')) assert.equal(t.bmc.service.secureBoot.next, !waits);
      assert.equal(t.machine.power(), 'Off');
    });
  }
});
