/** From a new BareMetalHost to its own OS and back, on a machine in QEMU; the engine is killed on the way. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildRamdisk } from '../../images/ramdisk/build.ts';
import { CACHE_DIR, buildImage } from '../../src/sim/builders.ts';
import { hostManifestsYaml } from '../../src/sim/lab-manifests.ts';
import type { LabHost } from '../../src/sim/lab.ts';
import type { Firmware } from '../../src/sim/machine-spec.ts';
import { type TestLab, consoleMark, ipmitool, testLab, until, waitConsole } from '../support/lab.ts';
import { type FileServer, Up, serveFile } from '../support/up.ts';

for (const firmware of ['bios', 'uefi'] as const) describe(`provisioning, ${firmware}`, () => story(firmware));

function story(firmware: Firmware): void {
  let lab: TestLab;
  let up: Up;
  let images: FileServer;
  let host: LabHost;
  let image: string;
  const step = (name: string) => async () =>
    (await up.field('hostprogress', 'node-0', '.status.operation.step')) === name;

  before(async () => {
    const outDir = join(CACHE_DIR, 'ramdisk-out');
    await buildRamdisk({ outDir, cacheDir: join(CACHE_DIR, 'ramdisk'), log: () => {} });
    image = join(await buildImage('demo-os/tiny/build'), 'disk.qcow2');
    lab = await testLab([{ name: 'node-0', firmware, memoryMiB: 768, disks: [{ sizeBytes: 4 * 2 ** 30 }] }]);
    const [first] = lab.lab.hosts;
    assert.ok(first);
    host = first;
    images = await serveFile(lab.lab.network.hostAddress, image);
    up = new Up(lab, outDir);
    await up.start();
  });

  after(async () => {
    await up?.stop('SIGKILL');
    await images?.close();
    await lab?.close();
  });

  test(`${firmware}: a new host is inspected and becomes available`, { timeout: 300_000 }, async () => {
    await up.kubectl(['apply', '-f', '-'], hostManifestsYaml(host));
    await up.state('node-0', 'available', 280);
    assert.equal(await up.field('baremetalhost', 'node-0', '.status.hardware.nics[0].mac'), host.mac);
    assert.match(await up.kubectl(['get', 'hardwaredata', 'node-0', '-o', 'yaml']), /ramMebibytes: 768/);
  });

  test(
    `${firmware}: it is provisioned, though the engine is killed in the middle of the write`,
    { timeout: 300_000 },
    async () => {
      const checksum = createHash('sha256')
        .update(await readFile(image))
        .digest('hex');
      const spec = { image: { url: images.url, checksum, checksumType: 'sha256', format: 'qcow2' } };
      await up.kubectl(['patch', 'bmh', 'node-0', '--type=merge', '-p', JSON.stringify({ spec })]);
      await until('the write to begin', 120, step('write'));
      await up.stop('SIGKILL');
      await up.start();
      await up.state('node-0', 'provisioned', 200);
      const uid = await up.field('baremetalhost', 'node-0', '.metadata.uid');
      await waitConsole(host, new RegExp(`TINY: config drive on \\S+ uuid=${uid} name=node-0`), 120);
      await waitConsole(host, new RegExp(`TINY: up firmware=${firmware}`), 5);
      assert.equal(images.sent, (await stat(image)).size, 'the image was fetched once');
      // One boot of the ramdisk for everything: its agent outlived the engine.
      assert.equal(await up.field('hostprogress', 'node-0', '.status.attempt'), '1');
    },
  );

  test(`${firmware}: it goes to its disk when its firmware asks the network`, { timeout: 240_000 }, async () => {
    const from = await consoleMark(host);
    await ipmitool(lab, host, 'chassis', 'bootdev', 'pxe', ...(firmware === 'uefi' ? ['options=efiboot'] : []));
    await ipmitool(lab, host, 'chassis', 'power', 'cycle');
    await waitConsole(host, /Ingot: default\/node-0 boots its disk/, 120, from);
    await waitConsole(host, /TINY: ready/, 120, from);
    assert.equal(await up.field('hostprogress', 'node-0', '.status.attempt'), '1');
  });

  test(`${firmware}: it is deprovisioned, though the engine is killed on the way`, { timeout: 300_000 }, async () => {
    assert.notEqual(await nonZero(host), 0);
    await up.kubectl(['patch', 'bmh', 'node-0', '--type=merge', '-p', '{"spec":{"image":null}}']);
    await until('the cleaning to begin', 60, step('clean'));
    await up.stop('SIGKILL');
    await up.start();
    await up.state('node-0', 'available', 200);
    assert.equal(await nonZero(host), 0);
    assert.match(await up.explain('node-0'), /is available, powered on\. Nothing is under way\./);
  });

  test(`${firmware}: the engine ends cleanly by a signal`, { timeout: 30_000 }, async () => {
    assert.equal(await up.stop('SIGTERM'), 0, await up.log());
  });
}

/** Bytes that are not zero in the first and last MiB of the disk, where partition tables are. */
async function nonZero(host: LabHost): Promise<number> {
  const [path] = host.diskPaths;
  assert.ok(path);
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    let count = 0;
    for (const at of [0, size - (1 << 20)]) {
      const { buffer } = await file.read(new Uint8Array(1 << 20), 0, 1 << 20, at);
      count += buffer.filter((b) => b !== 0).length;
    }
    return count;
  } finally {
    await file.close();
  }
}
