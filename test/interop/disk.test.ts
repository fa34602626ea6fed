/** Our tables and volumes, judged by the field's own tools: sgdisk, sfdisk, blkid, xorriso. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openBlockDevice } from '../../src/agent/write/block-device.ts';
import { finishDisk, type FinishOutcome } from '../../src/agent/write/finish-disk.ts';
import { exec } from '../../src/core/exec.ts';
import { silentLogger } from '../../src/core/log.ts';
import { buildConfigDrive, configDriveFiles } from '../../src/disk/configdrive.ts';
import { diskErrors } from '../../src/disk/errors.ts';

let dir = '';
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ingot-disk-'));
});
after(() => rm(dir, { recursive: true, force: true }));

const userData = Buffer.from('#cloud-config\nhostname: x\n');
const files = configDriveFiles(
  { uid: '2b6a', namespace: 'lab', name: 'node-0' },
  { userData, metaData: { providerid: 'metal3://1' }, networkData: { links: [{ id: 'eth0' }] } },
);
const drive = buildConfigDrive(files, Date.UTC(2026, 0, 2, 3, 4, 5));

async function run(program: string, args: string[], input?: string): Promise<string> {
  const done = await exec(program, args, {
    signal: AbortSignal.timeout(60_000),
    ...(input === undefined ? {} : { input }),
  });
  return done.stdout + done.stderr;
}

async function finish(path: string, configDrive: Uint8Array | undefined = drive): Promise<FinishOutcome> {
  await using device = await openBlockDevice(path, { log: silentLogger });
  // await: the device is closed when this returns.
  return await finishDisk({ device, configDrive, randomBytes: () => crypto.getRandomValues(new Uint8Array(16)) });
}

/** A 64 MiB image with a table, on a larger "disk". */
async function imageOnDisk(name: string, script: string, diskMiB = 300): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, '');
  await truncate(path, 64 << 20);
  await run('sfdisk', ['-q', path], script);
  await truncate(path, diskMiB << 20);
  return path;
}

const GPT =
  'label: gpt\nstart=2048,size=2048,type=21686148-6449-6E6F-744E-656564454649\nsize=32768,type=U\ntype=L,name=root\n';
const MBR = 'label: dos\nstart=2048,size=4096,type=ef,bootable\nstart=8192,size=65536,type=83\n';

/** The bytes of partition `number` as sfdisk sees it. */
async function partition(path: string, number: number): Promise<{ bytes: Buffer; offset: number }> {
  const { partitiontable } = JSON.parse(await run('sfdisk', ['-J', path])) as {
    partitiontable: { sectorsize?: number; partitions: { start: number; size: number }[] };
  };
  const p = partitiontable.partitions[number - 1];
  assert.ok(p !== undefined, `partition ${number}`);
  return { offset: p.start * 512, bytes: readFileSync(path).subarray(p.start * 512, (p.start + p.size) * 512) };
}

describe('GPT', () => {
  it('with its backup moved and config-2 added has no problem for sgdisk, and blkid finds the volume', async () => {
    const path = await imageOnDisk('gpt.img', GPT);
    assert.match(await run('sgdisk', ['-v', path]), /not at the end of the disk|problems?/i);
    const outcome = await finish(path);
    assert.deepEqual([outcome.table, outcome.backupGptMoved, outcome.configDrive], ['gpt', true, 'created']);
    assert.match(await run('sgdisk', ['-v', path]), /No problems found/);
    assert.match(await run('sgdisk', ['-i', '4', path]), /Partition name: 'config-2'/);
    assert.match(await run('sfdisk', ['--verify', path]), /No errors detected/);
    const { offset, bytes } = await partition(path, 4);

    assert.ok(bytes.length >= 64 << 20);
    assert.equal(outcome.partition?.offset, offset);
    assert.match(await run('blkid', ['-p', '-O', String(offset), path]), /LABEL="config-2".*TYPE="iso9660"/);
  });

  it('is not changed by a second time, and the drive is then reused', async () => {
    const path = await imageOnDisk('twice.img', GPT);
    await finish(path);
    const once = await readFile(path);
    const outcome = await finish(path);
    assert.deepEqual([outcome.backupGptMoved, outcome.configDrive], [false, 'reused']);
    assert.equal(Buffer.compare(await readFile(path), once), 0);
  });

  it('of an image that brings a partition labelled config-2 keeps it', async () => {
    const path = await imageOnDisk(
      'own.img',
      `${GPT.replace('type=L,name=root', 'size=8192,type=L,name=root')}type=L,name=config-2\n`,
    );
    const outcome = await finish(path);
    assert.equal(outcome.configDrive, 'reused');
    assert.equal(outcome.partition?.number, 4);
    assert.match(await run('sgdisk', ['-v', path]), /No problems found/);
  });

  it('survives the loss of its primary copy: the backup is as good for sgdisk', async () => {
    const path = await imageOnDisk('lost.img', GPT);
    await finish(path);
    await run('dd', ['if=/dev/zero', `of=${path}`, 'bs=512', 'seek=1', 'count=33', 'conv=notrunc']);
    assert.match(await run('sgdisk', ['-p', path]), /config-2/);
  });

  it('without room behind the image is refused, and the table is as it was', async () => {
    const path = await imageOnDisk('full.img', GPT, 100);
    const old = await readFile(path);
    await assert.rejects(finish(path), (e) => diskErrors.is(e, 'DISK_NO_ROOM'));
    assert.equal(Buffer.compare(await readFile(path), old), 0);
  });
});

describe('MBR', () => {
  it('gets a primary partition for the config drive', async () => {
    const path = await imageOnDisk('mbr.img', MBR);
    const outcome = await finish(path);
    assert.deepEqual([outcome.table, outcome.configDrive, outcome.partition?.number], ['mbr', 'created', 3]);
    assert.match(await run('sfdisk', ['--verify', path]), /No errors detected/);
    assert.match(await run('blkid', ['-p', '-O', String((await partition(path, 3)).offset), path]), /LABEL="config-2"/);
    assert.equal((await finish(path)).configDrive, 'reused');
  });

  it('with four primaries is refused', async () => {
    const path = await imageOnDisk('four.img', `${MBR}size=2048,type=83\nsize=2048,type=83\n`);
    await assert.rejects(finish(path), (e) => diskErrors.is(e, 'DISK_MBR_FULL'));
  });

  it('that is not there at all is refused', async () => {
    const path = join(dir, 'none.img');
    await writeFile(path, '');
    await truncate(path, 100 << 20);
    await assert.rejects(finish(path), (e) => diskErrors.is(e, 'DISK_NO_PARTITION_TABLE'));
  });
});

describe('config drive', () => {
  it('is read by xorriso by its Rock Ridge and its Joliet names, contents the same', async () => {
    const iso = join(dir, 'config.iso');
    await writeFile(iso, drive);
    for (const [mode, face] of [
      ['norock', 'joliet'],
      ['any', 'rock'],
    ] as const) {
      const out = join(dir, face);
      const text = await run('xorriso', ['-read_fs', mode, '-osirrox', 'on', '-indev', iso, '-extract', '/', out]);
      assert.match(text, /Volume id {4}: 'config-2'/);
      for (const [path, bytes] of files) assert.equal(Buffer.compare(await readFile(join(out, path)), bytes), 0, path);
    }
    const names = await run('xorriso', ['-indev', iso, '-find', '/', '-type', 'f']);
    assert.equal(names.split('\n').filter((l) => l.startsWith("'/openstack/")).length, 6);
    assert.match(
      await run('isoinfo', ['-d', '-i', iso]),
      /Joliet with UCS level 3 found[\s\S]*Rock Ridge signatures version 1 found/,
    );
  });
});
