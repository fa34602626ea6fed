/**
 * Images and disks that do not fit: a real engine, kubectl, and machines whose agent writes with the real writer. Every
 * fault ends in a provisioning error that names the thing; the disk is not bootable then; correcting the input, and
 * nothing else, brings the host to `provisioned` with exactly the image on its disk.
 */
import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { BareMetalHostSpec, Image } from '../../src/api/baremetalhost.ts';
import {
  type FaultImages,
  ImageServer,
  looksBootable,
  makeDisk,
  makeFaultImages,
  sha256,
} from '../support/fault-images.ts';
import { type SimHost, Standalone } from '../support/standalone.ts';
import { freePort } from '../support/testbed.ts';

const DISK_BYTES = 64 << 20;

interface Fault {
  name: string;
  /** What is asked for at first. */
  image: () => Image;
  /** Undefined: the disk's serial number; null: none. */
  hints?: BareMetalHostSpec['rootDeviceHints'] | null;
  expected: RegExp;
  /** Edit of the spec that is the cure; undefined: the image server is mended instead, the host is left alone. */
  cure: () => Record<string, unknown> | undefined;
  seconds?: number;
}

suite('faults of images and disks', { timeout: 400_000, concurrency: true }, () => {
  let bed: Standalone;
  let server: ImageServer;
  let images: FaultImages;
  let deadPort = 0;

  before(async () => {
    bed = await Standalone.start();
    server = await ImageServer.start();
    images = await makeFaultImages(bed.dir);
    deadPort = await freePort();
    server.serve('os.raw', images.raw);
    server.serve('os.qcow2', images.qcow2);
    server.serve('lying.qcow2', images.lying);
    server.serve('cut.qcow2', images.cut);
    server.serve('overlay.qcow2', images.overlay);
    server.serve('large.qcow2', images.large);
    server.serve('SHA256SUMS', `${sha256(images.raw)}  other.raw\n${sha256(images.qcow2)} *another.qcow2\n`);
    server.cutShort('short.raw', images.raw);
  });
  after(async () => {
    await bed?.close();
    server?.close();
  });

  const good = (): { image: Image } => ({ image: of('os.raw', images.raw, 'raw') });
  const of = (name: string, bytes: Uint8Array, format: Image['format'] = 'qcow2'): Image => ({
    url: server.url(name),
    checksum: sha256(bytes),
    format,
  });

  const faults: Fault[] = [
    {
      name: 'not-found',
      image: () => ({ ...good().image, url: server.url('nowhere.raw') }),
      expected: /spec\.image\.url.*\/nowhere\.raw.*404.*\(IMAGE_NOT_FOUND\)$/,
      cure: () => undefined,
    },
    {
      name: 'server-down',
      image: () => ({ ...good().image, url: `http://127.0.0.1:${deadPort}/os.raw` }),
      expected: /spec\.image\.url.*127\.0\.0\.1:\d+\/os\.raw.*refused.*\(IMAGE_FETCH_FAILED\)$/i,
      cure: good,
      seconds: 120,
    },
    {
      name: 'wrong-checksum',
      image: () => ({ ...good().image, checksum: 'ab'.repeat(32) }),
      expected: /spec\.image\.checksum.*abab.*\(IMAGE_CHECKSUM_MISMATCH\)$/,
      cure: good,
    },
    {
      name: 'not-in-sums',
      image: () => ({ ...good().image, checksum: server.url('SHA256SUMS') }),
      expected: /sums file .*SHA256SUMS has no line for os\.raw.*\(IMAGE_CHECKSUM_INVALID\)$/,
      cure: good,
    },
    {
      name: 'short-download',
      image: () => ({ ...good().image, url: server.url('short.raw') }),
      expected: /short\.raw ended after \d+ of \d+ bytes.*\(IMAGE_TRUNCATED\)$/,
      cure: good,
      seconds: 120,
    },
    {
      name: 'lying-qcow2',
      image: () => of('lying.qcow2', images.lying),
      expected: /lying\.qcow2.*L1 table has \d+ entries, its disk size needs \d+.*\(IMAGE_QCOW2_INVALID\)$/,
      cure: good,
    },
    {
      name: 'cut-qcow2',
      image: () => of('cut.qcow2', images.cut),
      expected: /cut\.qcow2.*beyond.*\(IMAGE_QCOW2_INVALID\)$/,
      cure: good,
    },
    {
      name: 'backing-file',
      image: () => of('overlay.qcow2', images.overlay),
      expected: /overlay\.qcow2.*backing file.*\(IMAGE_QCOW2_INVALID\)$/,
      cure: good,
    },
    {
      name: 'raw-called-qcow2',
      image: () => ({ ...good().image, format: 'qcow2' }),
      expected: /spec\.image\.format is qcow2, but .*os\.raw is raw.*\(IMAGE_FORMAT_MISMATCH\)$/,
      cure: good,
    },
    {
      name: 'qcow2-called-raw',
      image: () => of('os.qcow2', images.qcow2, 'raw'),
      expected: /spec\.image\.format is raw, but .*os\.qcow2 is qcow2.*\(IMAGE_FORMAT_MISMATCH\)$/,
      cure: () => ({ image: of('os.qcow2', images.qcow2) }),
    },
    {
      name: 'larger-than-disk',
      image: () => of('large.qcow2', images.large),
      expected:
        /spec\.image\.url: .*large\.qcow2 needs a disk of 1 GiB.*\/dev\/vda has 64 MiB.*\(PROVISION_IMAGE_TOO_LARGE\)$/,
      cure: good,
    },
    {
      name: 'no-disk',
      image: () => good().image,
      hints: { serialNumber: 'NOT-THERE', minSizeGigabytes: 1 },
      expected:
        /spec\.rootDeviceHints \(.*serialNumber: "NOT-THERE".*\/dev\/vda: serial number is "no-disk".*DISK_NO_MATCH\)$/,
      cure: () => ({ rootDeviceHints: { serialNumber: 'no-disk', minSizeGigabytes: null } }),
    },
    {
      name: 'default-disk',
      image: () => good().image,
      hints: null,
      expected:
        /no disk matches the default of hardware profile "unknown"; set spec\.rootDeviceHints \(deviceName: "\/dev\/sda"\).*DISK_NO_MATCH\)$/,
      cure: () => ({ rootDeviceHints: { deviceName: '/dev/vda' } }),
    },
  ];

  for (const fault of faults) {
    test(fault.name, async () => {
      const file = path.join(bed.dir, `${fault.name}.disk`);
      await makeDisk(file, DISK_BYTES);
      const disk = { name: '/dev/vda', serial: fault.name, sizeBytes: DISK_BYTES, logicalSectorBytes: 512 };
      const rootDeviceHints = fault.hints === undefined ? { serialNumber: fault.name } : (fault.hints ?? undefined);
      const host = await bed.enrol(fault.name, {
        disks: [{ ...disk, rotational: false, file }],
        spec: { rootDeviceHints, image: fault.image() },
      });
      await breaks(fault, file);
      await recovers(fault, host, file);
    });
  }

  async function breaks({ name, expected, seconds = 60 }: Fault, file: string): Promise<void> {
    const { status } = await bed.hosts.error(name, 'provisioning error', seconds);
    assert.match(status?.errorMessage ?? '', expected);
    assert.equal(status?.operationalStatus, 'error');
    assert.equal(status?.provisioning.state, 'provisioning');
    assert.ok((status?.errorCount ?? 0) >= 1);
    assert.equal(await looksBootable(file), false);
    const events = await bed.events(name);
    assert.ok(events.some((e) => e.reason === 'ProvisioningError' && expected.test(e.message ?? '')));
  }

  async function recovers(fault: Fault, host: SimHost, file: string): Promise<void> {
    const cure = fault.cure();
    if (cure !== undefined) await bed.edit(fault.name, cure);
    else {
      // The next try, after the backoff, finds the right file.
      server.serve(path.basename(fault.image().url), images.raw);
    }
    const well = await bed.hosts.well(fault.name, 'provisioned', cure === undefined ? 180 : 60);
    assert.equal(well.status?.errorMessage, '');
    assert.equal(well.status?.errorCount, 0);
    assert.match(host.machine.running, /^disk:/);
    assert.equal(await looksBootable(file), true);
    const written = Buffer.alloc(images.raw.length);
    await using handle = await open(file, 'r');
    await handle.read(written, 0, written.length, 0);
    assert.ok(written.equals(images.raw), 'the disk has every byte of the image');
    assert.deepEqual(host.machine.errors, []);
  }
});
