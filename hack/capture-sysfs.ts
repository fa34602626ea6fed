/**
 * Takes what inspection reads (/sys, /proc) from a machine in QEMU with every kind of disk and card, and writes it as a
 * fixture: `node hack/capture-sysfs.ts test/fixtures/sysfs/q35-all-disks.json`. Needs a built ramdisk in .cache/ramdisk/out.
 */
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { packCpio } from '../src/disk/cpio.ts';
import { RamdiskVm, virtioDisk } from '../test/support/ramdisk-vm.ts';

const PROJECT = resolve(import.meta.dirname, '..');
const BEGIN = '-----BEGIN CAPTURE-----';
const END = '-----END CAPTURE-----';

/** Runs in the ramdisk in the place of the agent. */
const PROGRAM = `
import { inspectMachine, registerRequest } from './src/agent/inspect/inspect.ts';
import { systemTree } from './src/agent/inspect/tree.ts';
import { systemClock } from './src/core/clock.ts';
import { recordingTree } from './test/support/sysfs.ts';
const capture = { files: {}, links: {}, lists: {} };
const doors = {
  tree: recordingTree(systemTree(), capture), addresses: () => ({}), hostname: () => 'x', arch: 'x86_64', clock: systemClock,
};
const run = async () => {
  await inspectMachine(doors, undefined, new AbortController().signal);
  await registerRequest(doors, { token: 't', bootMac: undefined, agentVersion: '0' });
  console.log(${JSON.stringify(BEGIN)} + Buffer.from(JSON.stringify(capture)).toString('base64') + ${JSON.stringify(END)});
};
run();
`;

async function main(target: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'ingot-capture-'));
  try {
    const ramdisk = await ramdiskWith(await bundle(), dir);
    const files = ['DISK0001', 'nvme', 'ata', 'scsi', 'cd'].map((name) => join(dir, name));
    for (const [i, file] of files.entries()) {
      await writeFile(file, '');
      await truncate(file, (i === 0 ? 256 : 64) << 20);
    }
    const [disk = '', nvme, ata, scsi, cd] = files;
    const drive = (id: string, file: string | undefined) => ['-drive', `if=none,id=${id},file=${file},format=raw`];
    const devices = [
      virtioDisk(disk, 'DISK0001'),
      [...drive('d1', nvme), '-device', 'nvme,drive=d1,serial=NVME0001,addr=8'],
      [...drive('d2', ata), '-device', 'ide-hd,drive=d2,serial=ATA0001,wwn=0x5000c50012345678,bus=ide.2'],
      ['-device', 'virtio-scsi-pci,id=s0,addr=9', ...drive('d3', scsi)],
      ['-device', 'scsi-hd,bus=s0.0,drive=d3,serial=SCSI0001,wwn=0x5000c500aaaaaaaa'],
      ['-drive', `if=none,id=d4,file=${cd},format=raw,media=cdrom`, '-device', 'ide-cd,drive=d4,bus=ide.3'],
      ['-netdev', 'user,id=n1', '-device', 'e1000e,netdev=n1,mac=52:54:00:12:00:01,addr=a'],
    ].flat();
    const vm = await RamdiskVm.start({
      memoryMib: 768,
      mac: '52:54:00:12:00:00',
      devices,
      ramdisk: { dir: ramdisk, cmdline: '' },
    });
    try {
      await vm.said(END, 120_000);
      const text = vm.console.slice(vm.console.indexOf(BEGIN) + BEGIN.length, vm.console.indexOf(END));
      const capture: unknown = JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
      await writeFile(target, `${JSON.stringify(capture, null, 1)}\n`);
    } finally {
      await vm.stop();
    }
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function bundle(): Promise<Uint8Array> {
  const result = await build({
    stdin: { contents: PROGRAM, resolveDir: PROJECT, loader: 'ts' },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
  });
  return result.outputFiles[0]?.contents ?? new Uint8Array(0);
}

/** The built ramdisk with `program` in the place of the agent: what is unpacked last counts. */
async function ramdiskWith(program: Uint8Array, dir: string): Promise<string> {
  const out = join(PROJECT, '.cache/ramdisk/out');
  const overlay = packCpio([{ path: 'usr/lib/ingot/agent.cjs', kind: 'file', data: program }]);
  await writeFile(join(dir, 'ramdisk.zst'), Buffer.concat([await readFile(join(out, 'ramdisk.zst')), overlay]));
  for (const file of ['vmlinuz', 'ramdisk.json']) await copyFile(join(out, file), join(dir, file));
  return dir;
}

await main(process.argv[2] ?? join(PROJECT, 'test/fixtures/sysfs/q35-all-disks.json'));
