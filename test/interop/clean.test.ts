/** Metadata cleaning of disks that other programs prepared, judged by wipefs and blkid. No root is needed: files are disks. */
import assert from 'node:assert/strict';
import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { cleanDisks, remains } from '../../src/agent/clean/clean-disks.ts';
import type { InspectedDisk } from '../../src/agent/inspect/disks.ts';
import { openBlockDevice } from '../../src/agent/write/block-device.ts';
import { exec } from '../../src/core/exec.ts';
import { silentLogger } from '../../src/core/log.ts';

const MIB = 1024 * 1024;
const context = (signal = new AbortController().signal) => ({ signal, report: () => {}, log: silentLogger });
const doors = { partitions: () => Promise.resolve([]) };

async function inDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'ingot-clean-'));
  try {
    await body(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function makeDisk(path: string, bytes: number): Promise<InspectedDisk> {
  await writeFile(path, '');
  await truncate(path, bytes);
  const facts = { sizeBytes: bytes, logicalSectorBytes: 512, rotational: false, moreByPaths: [] };
  return { name: path, serial: 'S1', ...facts };
}

/** How the disk is made something that is recognised. */
const MAKERS: Record<string, (path: string) => Promise<unknown>> = {
  gpt: (path) => exec('sfdisk', ['-q', path], { input: 'label: gpt\n2048,8192\n' }),
  mbr: (path) => exec('sfdisk', ['-q', path], { input: 'label: dos\n2048,8192\n' }),
  ext4: (path) => exec('mke2fs', ['-q', '-F', '-t', 'ext4', path]),
  vfat: (path) => exec('mkfs.vfat', [path]),
  swap: (path) => exec('mkswap', [path]),
  iso9660: (path) => exec('xorriso', ['-as', 'mkisofs', '-quiet', '-V', 'config-2', '-o', path, import.meta.dirname]),
};

for (const [kind, make] of Object.entries(MAKERS)) {
  test(`a disk with ${kind} is nothing afterwards`, () =>
    inDir(async (dir) => {
      const path = join(dir, 'disk');
      await makeDisk(path, 32 * MIB);
      await make(path);
      await truncate(path, 32 * MIB);
      const disk: InspectedDisk = await statDisk(path);
      assert.notEqual((await exec('wipefs', ['--noheadings', path])).stdout.trim(), '', 'wipefs knew it before');
      const result = await cleanDisks([disk], doors, context());
      assert.deepEqual(
        result.disks.map((d) => [d.name, d.serial, d.action, d.verified]),
        [[path, 'S1', 'metadata', true]],
      );
      assert.equal((await exec('wipefs', ['--noheadings', path])).stdout.trim(), '');
      assert.equal((await exec('blkid', ['-p', path], { ok: [0, 2] })).code, 2, 'blkid finds nothing');
    }));
}

async function statDisk(path: string): Promise<InspectedDisk> {
  const file = await open(path);
  const { size } = await file.stat();
  await file.close();
  return { name: path, serial: 'S1', sizeBytes: size, logicalSectorBytes: 512, rotational: false, moreByPaths: [] };
}

test('file systems in partitions are wiped before the table that leads to them', () =>
  inDir(async (dir) => {
    const disk = await makeDisk(join(dir, 'disk'), 32 * MIB);
    const partition = await makeDisk(join(dir, 'partition'), 8 * MIB);
    await exec('mke2fs', ['-q', '-F', partition.name]);
    await cleanDisks([disk], { partitions: () => Promise.resolve([partition.name]) }, context());
    assert.equal((await exec('wipefs', ['--noheadings', partition.name])).stdout.trim(), '');
  }));

test('what is still there is named, and anything but zeros counts', () =>
  inDir(async (dir) => {
    const path = join(dir, 'disk');
    await makeDisk(path, 32 * MIB);
    const look = async () => {
      await using device = await openBlockDevice(path, { log: silentLogger });
      return await remains(device);
    };
    assert.equal(await look(), undefined);
    const file = await open(path, 'r+');
    await file.write(Buffer.from('x'), 0, 1, 32 * MIB - 700_000);
    assert.match((await look()) ?? '', /last MiB/);
    await file.write(Buffer.from('EFI PART'), 0, 8, 32 * MIB - 512);
    await file.close();
    assert.match((await look()) ?? '', /gpt-backup at byte 33553920/);
  }));

test('one disk that cannot be cleaned does not keep the others from it, and is named', () =>
  inDir(async (dir) => {
    const missing: InspectedDisk = { ...(await makeDisk(join(dir, 'gone'), MIB)), name: join(dir, 'nowhere') };
    const good = await makeDisk(join(dir, 'good'), 32 * MIB);
    await exec('mke2fs', ['-q', '-F', good.name]);
    await assert.rejects(
      cleanDisks([missing, good], doors, context()),
      (e: Error & { code?: string }) =>
        e.code === 'AGENT_CLEAN_UNPROVEN' && e.message.includes(missing.name) && !e.message.includes(good.name),
    );
    assert.equal((await exec('wipefs', ['--noheadings', good.name])).stdout.trim(), '');
  }));
