/** The ramdisk on whole machines (QEMU, software emulation), booted directly, against a stand-in server. */
import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test from 'node:test';
import { buildRamdisk } from '../../images/ramdisk/build.ts';
import type { DiskFacts, TaskMessage, TaskResult } from '../../src/agent-protocol/messages.ts';
import { exec } from '../../src/core/exec.ts';
import type { ImageManifest } from '../../src/image/manifest-types.ts';
import { pinDisk } from '../../src/disk/pin.ts';
import { StandInAgentServer } from '../support/agent-server.ts';
import { framesOf, makeBootImage } from '../support/boot-image.ts';
import { RamdiskVm, virtioDisk } from '../support/ramdisk-vm.ts';

const CACHE = resolve(import.meta.dirname, '../../.cache/ramdisk');
const RAMDISK = join(CACHE, 'out');
const MAC = '52:54:00:12:00:00';
const MIB = 1024 * 1024;
/** Emulated machines on busy build hosts are slow; nothing here takes this long otherwise. */
const PATIENCE_MS = 120_000;

let taskNumber = 0;
/** Issues a task and gives its result, which must be a good one of the expected kind. */
async function run<K extends TaskResult['kind']>(
  server: StandInAgentServer,
  kind: K,
  rest: object = {},
): Promise<Extract<TaskResult, { kind: K }>> {
  const task = { id: `t${++taskNumber}`, deadlineMs: Date.now() + PATIENCE_MS, kind, ...rest } as TaskMessage;
  const message = await server.run(task, PATIENCE_MS);
  assert.ok(message.ok, JSON.stringify(message));
  assert.equal(message.result.kind, kind);
  return message.result as Extract<TaskResult, { kind: K }>;
}

async function bytesAt(path: string, position: number, length: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    return (await file.read(Buffer.alloc(length), 0, length, position)).buffer;
  } finally {
    await file.close();
  }
}

/** A disk somebody used before: GPT, a file system in a partition, an LVM label behind it. */
async function makeUsedDisk(path: string, bytes: number): Promise<void> {
  await writeFile(path, '');
  await truncate(path, bytes);
  await exec('sfdisk', ['-q', path], { input: 'label: gpt\nstart=2048, size=32768, type=linux\n' });
  await exec('mke2fs', ['-q', '-F', '-E', `offset=${MIB}`, path, '16M']);
}

interface Lab {
  dir: string;
  disk: string;
  server: StandInAgentServer;
  cmdline: string;
}

/** A folder, a used disk of 256 MiB and a server; removed at the end. */
async function inLab(body: (lab: Lab) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'ingot-ramdisk-'));
  const server = new StandInAgentServer();
  try {
    const port = await server.start();
    const disk = join(dir, 'disk.raw');
    await makeUsedDisk(disk, 256 * MIB);
    const cmdline = `ingot.server=https://10.0.2.2:${port} ingot.fingerprint=sha256:${server.fingerprint} ingot.token=${server.token}`;
    await body({ dir, disk, server, cmdline });
  } finally {
    await server.stop();
    await rm(dir, { recursive: true });
  }
}

/** Wipes, writes and finishes the one disk of a machine, then switches it off. */
async function provision(lab: Lab, vm: RamdiskVm, bootMode: 'uefi' | 'bios') {
  const { server, disk } = lab;
  await server.until('registration', PATIENCE_MS, () => server.registrations[0]);
  const { disks } = await run(server, 'inspect');
  const [facts] = disks;
  assert.ok(facts !== undefined && disks.length === 1);
  const cleaned = await run(server, 'clean', { policy: { mode: 'metadata' } });
  assert.deepEqual(
    cleaned.disks.map((d) => [d.name, d.verified]),
    [['/dev/vda', true]],
  );
  assert.ok(
    (await bytesAt(disk, 0, MIB)).every((b) => b === 0),
    'first MiB of the disk file is zero',
  );
  assert.ok(
    (await bytesAt(disk, 255 * MIB, MIB)).every((b) => b === 0),
    'last MiB of the disk file is zero',
  );
  assert.deepEqual([...(await bytesAt(disk, MIB + 1080, 2))], [0, 0], 'the ext superblock in the partition is gone');

  const written = await writeAndFinish(lab, facts, bootMode);
  server.issue({ id: 'off', deadlineMs: Date.now() + PATIENCE_MS, kind: 'power', action: 'poweroff' });
  await vm.exited(PATIENCE_MS);
  return written;
}

async function writeAndFinish(lab: Lab, facts: DiskFacts, bootMode: 'uefi' | 'bios') {
  const { server, dir } = lab;
  const image = join(dir, 'image.raw');
  await makeBootImage(image, 'DISK-BOOTED');
  const { manifest, frames } = await framesOf(image);
  server.files.set('/manifest', Buffer.from(JSON.stringify(manifest)));
  for (const [index, bytes] of frames) server.files.set(`/frame/${index}`, bytes);
  const target = pinDisk(facts);
  const write = { target, manifestUrl: '/manifest', manifestDigest: manifest.digest, framesUrl: '/frame/{index}' };
  const other = { ...target, serial: 'SOMEBODY-ELSE' };
  const refused = await server.run(
    { id: 'wrong-disk', deadlineMs: Date.now() + PATIENCE_MS, kind: 'write', write: { ...write, target: other } },
    PATIENCE_MS,
  );
  assert.equal(refused.ok ? undefined : refused.error.code, 'AGENT_DISK_MISMATCH');
  await writeGrowing(lab, { target, source: 'source:x', framesUrl: '/frame/{index}' }, manifest);
  const result = await run(server, 'write', { write });
  assert.ok(result.framesResumed > 0, 'a whole image finds the frames of one that was prepared');
  const again = await run(server, 'write', { write });
  assert.ok(again.framesResumed > 0, 'a second write finds the first one');
  const configDrive = { 'openstack/latest/meta_data.json': Buffer.from('{"uuid":"u-1"}').toString('base64') };
  const finish = { target, diskBytes: manifest.diskBytes, configDrive, bootMode };
  const finished = await run(server, 'finish', { finish });
  assert.equal(finished.backupGptMoved, true);
  assert.equal(finished.configDrive, 'created');
  assert.equal(finished.boot.mode, bootMode);
  const twice = await run(server, 'finish', { finish });
  assert.equal(twice.configDrive, 'reused');
  return { finished, image };
}

/** An image that is prepared while it is written: one that turns out broken, then one that turns out well. */
async function writeGrowing({ server, disk }: Lab, write: GrowingWrite, manifest: ImageManifest): Promise<void> {
  const { diskBytes, frames, digest } = manifest;
  const half = Math.floor(frames.length / 2);
  server.manifest = (_, from) =>
    from < half
      ? { kind: 'growing', diskBytes, frames: frames.slice(from, from + 1) }
      : { kind: 'failed', code: 'IMAGE_QCOW2_INVALID', message: 'cut short' };
  const task: TaskMessage = { id: 'broken', deadlineMs: Date.now() + PATIENCE_MS, kind: 'write', write };
  const broken = await server.run(task, PATIENCE_MS);
  assert.equal(broken.ok ? undefined : broken.error.code, 'WRITE_IMAGE_FAILED');
  assert.match(broken.ok ? '' : broken.error.message, /IMAGE_QCOW2_INVALID: cut short/);
  assert.ok(
    (await bytesAt(disk, 0, MIB)).every((b) => b === 0),
    'nothing bootable was written',
  );
  // The server is away for a moment; then a frame at a time.
  let refusals = 2;
  let frame0Early = false;
  server.manifest = (_, from) => {
    if (refusals-- > 0) return undefined;
    frame0Early ||= readFileSync(disk)
      .subarray(510, 512)
      .some((b) => b !== 0);
    const known = { diskBytes, frames: frames.slice(from, from + 1) };
    return from + 1 < frames.length ? { kind: 'growing', ...known } : { kind: 'complete', ...known, digest };
  };
  const result = await run(server, 'write', { write });
  assert.equal(frame0Early, false, 'frame 0 came before the digest was named');
  assert.equal(result.manifestDigest, digest);
  assert.ok(result.framesWritten > 0);
  assert.deepEqual([...(await bytesAt(disk, 510, 2))], [0x55, 0xaa]);
}

type GrowingWrite = Extract<TaskMessage, { kind: 'write' }>['write'];

/** The disk after provisioning, judged by other programs. */
async function checkDisk(disk: string): Promise<void> {
  const { stdout } = await exec('sgdisk', ['-v', disk]);
  assert.match(stdout, /No problems found/);
  const table = JSON.parse((await exec('sfdisk', ['-J', disk])).stdout) as {
    partitiontable: { partitions: { start: number; name?: string }[] };
  };
  const drive = table.partitiontable.partitions.find((p) => p.name === 'config-2');
  assert.ok(drive !== undefined);
  const label = await exec('blkid', ['-p', '-O', String(drive.start * 512), '-s', 'LABEL', '-o', 'value', disk]);
  assert.equal(label.stdout.trim(), 'config-2');
}

async function bootsFromDisk(lab: Lab, uefi: { vars: string } | undefined, text: string): Promise<void> {
  const devices = virtioDisk(lab.disk, 'DISK0001');
  const vm = await RamdiskVm.start({ memoryMib: 256, mac: MAC, devices, ...(uefi === undefined ? {} : { uefi }) });
  try {
    await vm.said(text, PATIENCE_MS);
  } finally {
    await vm.stop();
  }
}

// Side by side: each waits for its machine most of the time.
test('the ramdisk', { timeout: 900_000, concurrency: 2 }, async (t) => {
  await buildRamdisk({ outDir: RAMDISK, cacheDir: CACHE, log: () => {} });

  const bios = t.test('BIOS, 512 MiB: registers, inspects, wipes, writes, finishes; the disk boots', () =>
    inLab(async (lab) => {
      const devices = virtioDisk(lab.disk, 'DISK0001');
      const ramdisk = { dir: RAMDISK, cmdline: lab.cmdline };
      const vm = await RamdiskVm.start({ memoryMib: 512, mac: MAC, devices, ramdisk });
      try {
        await provision(lab, vm, 'bios');
      } catch (error) {
        t.diagnostic(vm.console);
        throw error;
      } finally {
        await vm.stop();
      }
      const [registration] = lab.server.registrations;
      assert.equal(registration?.bootMac, MAC);
      assert.equal(registration?.smbios.uuid, '11111111-2222-4333-8444-555555555555');
      assert.equal(registration?.firmware, 'bios');
      assert.ok(lab.server.logs.some((l) => l.message.startsWith('registered as host lab/node-0')));
      assert.ok(!vm.console.includes(lab.server.token), 'the token never shows on the console');
      await checkDisk(lab.disk);
      await bootsFromDisk(lab, undefined, 'DISK-BOOTED by bios');
    }),
  );

  const uefi = t.test('UEFI, 768 MiB: makes a boot entry that the firmware follows', () =>
    inLab(async (lab) => {
      const devices = virtioDisk(lab.disk, 'DISK0001');
      const uefi = { vars: join(lab.dir, 'vars.fd') };
      const ramdisk = { dir: RAMDISK, cmdline: lab.cmdline };
      const vm = await RamdiskVm.start({ memoryMib: 768, mac: MAC, devices, ramdisk, uefi });
      try {
        const { finished } = await provision(lab, vm, 'uefi');
        assert.match(finished.boot.detail, /"Test Linux" starts EFI\/testos\/grubx64.efi on \/dev\/vda1/);
      } catch (error) {
        t.diagnostic(vm.console);
        throw error;
      } finally {
        await vm.stop();
      }
      assert.equal(lab.server.registrations[0]?.firmware, 'uefi');
      await checkDisk(lab.disk);
      await bootsFromDisk(lab, uefi, 'DISK-BOOTED by uefi');
    }),
  );

  const named = t.test('every disk controller and network card: all disks are named as udev names them', () =>
    inLab(async (lab) => {
      const more = ['nvme.raw', 'ata.raw', 'scsi.raw'].map((name) => join(lab.dir, name));
      for (const file of more) {
        await writeFile(file, '');
        await truncate(file, 64 * MIB);
      }
      const drive = (id: string, file: string | undefined) => [
        '-drive',
        `if=none,id=${id},file=${file},format=raw,cache=unsafe`,
      ];
      const devices = [
        [...drive('d1', more[0]), '-device', 'nvme,drive=d1,serial=NVME0001,addr=8'],
        [...drive('d2', more[1]), '-device', 'ide-hd,drive=d2,serial=ATA0001,wwn=0x5000c50012345678,bus=ide.2'],
        ['-device', 'virtio-scsi-pci,id=s0,addr=9', ...drive('d3', more[2])],
        ['-device', 'scsi-hd,bus=s0.0,drive=d3,serial=SCSI0001,wwn=0x5000c500aaaaaaaa'],
      ].flat();
      const ramdisk = { dir: RAMDISK, cmdline: lab.cmdline };
      const vm = await RamdiskVm.start({ memoryMib: 768, mac: MAC, devices, ramdisk, nic: 'e1000e' });
      try {
        await lab.server.until('registration', PATIENCE_MS, () => lab.server.registrations[0]);
        const { hardware, disks } = await run(lab.server, 'inspect');
        assert.deepEqual(
          disks.map((d) => [d.byPath?.slice('/dev/disk/by-path/'.length), d.serial, d.wwn, d.hctl === undefined]),
          [
            [
              'pci-0000:00:08.0-nvme-1',
              'NVME0001',
              'nvme.1b36-4e564d4530303031-51454d55204e564d65204374726c-00000001',
              true,
            ],
            ['pci-0000:00:1f.2-ata-3.0', 'ATA0001', '0x5000c50012345678', false],
            ['pci-0000:00:09.0-scsi-0:0:0:0', 'SCSI0001', '0x5000c500aaaaaaaa', false],
          ],
        );
        assert.equal(hardware.ramMebibytes, 768);
        assert.equal(hardware.systemVendor.serialNumber, 'SN0001');
        assert.deepEqual(
          hardware.nics?.filter((n) => n.ip?.startsWith('10.')).map((n) => [n.model, n.mac, n.ip, n.pxe, n.speedGbps]),
          [['0x8086 0x10d3', MAC, '10.0.2.15', true, 1]],
        );
      } finally {
        await vm.stop();
      }
    }),
  );
  await Promise.all([bios, uefi, named]);
});

test('the same inputs give the same bytes', { timeout: 300_000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'ingot-ramdisk-'));
  try {
    // A cache of its own: layers are compressed anew. Packages are taken from the cache that is there.
    await exec('mkdir', ['-p', join(dir, 'cache')]);
    await exec('cp', ['-al', join(CACHE, 'debs'), join(dir, 'cache/debs')]);
    await buildRamdisk({ outDir: RAMDISK, cacheDir: CACHE, log: () => {} });
    const again = await buildRamdisk({ outDir: join(dir, 'out'), cacheDir: join(dir, 'cache'), log: () => {} });
    const before = await readFile(join(RAMDISK, 'ramdisk.zst'));
    assert.equal(again.ramdisk.bytes, before.length);
    assert.ok(before.equals(await readFile(join(dir, 'out/ramdisk.zst'))));
    assert.ok((await readFile(join(RAMDISK, 'ramdisk.iso'))).equals(await readFile(join(dir, 'out/ramdisk.iso'))));
  } finally {
    await rm(dir, { recursive: true });
  }
});
