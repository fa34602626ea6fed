/** Clients that we did not write judge the simulated Redfish BMC. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { exec } from '../../src/core/exec.ts';
import { peersFolder } from '../support/peers.ts';
import { PASSWORD, USER, startTestBmc } from '../support/redfish-sim.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Assertion of the validator → why the simulator may fail it. Empty is the aim. */
const EXCEPTIONS: Record<string, string> = JSON.parse(
  await readFile(path.join(ROOT, 'test/fixtures/redfish/validator-exceptions.json'), 'utf8'),
);
/** requests, which both use, prefers these to what it is told about certificates. */
const NO_BUNDLES = { REQUESTS_CA_BUNDLE: '', CURL_CA_BUNDLE: '' };

test('the DMTF’s redfish-protocol-validator finds nothing that fails', { timeout: 540_000 }, async () => {
  const validator = path.join(await peersFolder(), 'bin/rf_protocol_validator');
  const reports = await mkdtemp(path.join(tmpdir(), 'ingot-validator-'));
  await using t = await startTestBmc({ tls: true });
  try {
    const access = ['-u', USER, '-p', PASSWORD, '-r', t.bmc.url, '--no-cert-check', '--avoid-http-redirect'];
    await exec(validator, [...access, '--report-dir', reports, '--report-type', 'tsv'], {
      env: NO_BUNDLES,
      ok: [0, 1],
    });
    const file = (await readdir(reports)).find((name) => name.endsWith('.tsv')) ?? '';
    const rows = (await readFile(path.join(reports, file), 'utf8'))
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t'));
    const failed = rows.filter((row) => row[4] === 'FAIL');
    const unexplained = failed.filter((row) => !Object.hasOwn(EXCEPTIONS, row[0] ?? ''));
    assert.deepEqual(
      unexplained.map((row) => [row[0], row[1], row[3], row[5]].join(' | ')),
      [],
    );
    const stale = Object.keys(EXCEPTIONS).filter((name) => !failed.some((row) => row[0] === name));
    assert.deepEqual(stale, [], 'exceptions that are none any more');
    const passed = rows.filter((row) => row[4] === 'PASS').length;
    assert.ok(passed > 300, `only ${passed} checks passed`);
  } finally {
    await rm(reports, { recursive: true, force: true });
  }
});

test('Ironic’s client library (Debian’s python3-sushy) runs a machine', { timeout: 120_000 }, async () => {
  await using t = await startTestBmc();
  const script = path.join(ROOT, 'test/support/sushy-tour.py');
  const image = 'http://192.0.2.1/ramdisk.iso';
  const { stdout } = await exec('/usr/bin/python3', [script, `${t.bmc.url}/redfish/v1`, USER, PASSWORD, image], {
    env: NO_BUNDLES,
  });
  const { facts, boots } = t.machine;
  assert.deepEqual(JSON.parse(stdout), {
    systems: 1,
    power_before: 'Off',
    boot: ['Pxe', 'Once'],
    power_after: 'On',
    media: [true, image],
    ejected: true,
    registry: 9,
    pending: { ProcVirtualization: 'Disabled' },
    macs: facts.nics.map((nic) => nic.mac.toUpperCase()),
    disks: facts.drives.map((drive) => drive.bytes),
  });
  assert.equal(boots[0]?.from, 'network');
  assert.equal(t.bmc.service.secureBoot.next, true);
});
