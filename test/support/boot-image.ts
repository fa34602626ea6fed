import { mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '../../src/core/exec.ts';
import { encodeFrame, isZero } from '../../src/image/frame-codec.ts';
import { FRAME_BYTES, type Frame, type ImageManifest } from '../../src/image/manifest-types.ts';
import { sealManifest } from '../../src/image/manifest.ts';

const MIB = 1024 * 1024;
const ESP_START = MIB;
const ESP_BYTES = 16 * MIB;
const DATA_START = ESP_START + ESP_BYTES;

/**
 * A disk image that says `text` on the first serial port when it is booted, by BIOS (a boot sector of 34 bytes) or by
 * UEFI (GRUB in a vendor folder, named by a BOOTX64.CSV). 64 MiB, GPT, mostly empty.
 */
export async function makeBootImage(path: string, text: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'ingot-boot-image-'));
  try {
    await writeFile(path, '');
    await truncate(path, 64 * MIB);
    const table = `label: gpt\nstart=2048, size=${ESP_BYTES / 512}, type=uefi\nstart=34816, size=40960, type=linux, name=data\n`;
    await exec('sfdisk', ['-q', path], { input: table });
    const esp = join(dir, 'esp');
    await writeFile(
      join(dir, 'grub.cfg'),
      `serial --unit=0\nterminal_output serial\necho "${text} by uefi"\nsleep 30\n`,
    );
    await exec(
      'grub-mkimage',
      [
        ['-O', 'x86_64-efi', '-p', '/', '-c', join(dir, 'grub.cfg'), '-o', join(dir, 'grub.efi')],
        ['serial', 'terminal', 'echo', 'sleep', 'normal'],
      ].flat(),
    );
    const csv = Buffer.from('\uFEFFgrubx64.efi,Test Linux,,This is the boot entry for the test\n', 'utf16le');
    await writeFile(join(dir, 'BOOTX64.CSV'), csv);
    await writeFile(esp, '');
    await truncate(esp, ESP_BYTES);
    await exec('mkfs.vfat', ['-n', 'ESP', esp]);
    await exec('mmd', ['-i', esp, '::/EFI', '::/EFI/testos']);
    await exec('mcopy', ['-i', esp, join(dir, 'grub.efi'), '::/EFI/testos/grubx64.efi']);
    await exec('mcopy', ['-i', esp, join(dir, 'BOOTX64.CSV'), '::/EFI/testos/BOOTX64.CSV']);
    const file = await open(path, 'r+');
    await file.write(await readFile(esp), 0, ESP_BYTES, ESP_START);
    await file.write(Buffer.alloc(6 * MIB, 'data of the image '), 0, 6 * MIB, DATA_START);
    await file.write(bootSector(`${text} by bios\r\n`), 0);
    await file.close();
  } finally {
    await rm(dir, { recursive: true });
  }
}

/**
 * x86 real mode: prints a text to port 3F8h, each byte once the port is free for it (a busy host drops what comes sooner),
 * then halts. Below 440 bytes: the table stays.
 */
function bootSector(text: string): Uint8Array {
  const code = [
    [0x31, 0xc0, 0x8e, 0xd8], // xor ax,ax; mov ds,ax
    [0xbe, 0x22, 0x7c, 0xfc], // mov si,7C22h; cld
    [0xac, 0x84, 0xc0, 0x74, 0x12], // next: lodsb; test al,al; jz halt
    [0x88, 0xc4, 0xba, 0xfd, 0x03], // mov ah,al; mov dx,3FDh
    [0xec, 0xa8, 0x20, 0x74, 0xfb], // wait: in al,dx; test al,20h; jz wait
    [0x88, 0xe0, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xe9], // mov al,ah; mov dx,3F8h; out dx,al; jmp next
    [0xf4, 0xeb, 0xfd], // halt: hlt; jmp halt
  ].flat();
  return Buffer.concat([Uint8Array.from(code), Buffer.from(`${text}\0`, 'latin1')]);
}

/** Manifest and frames (by index) of a raw image. */
export async function framesOf(path: string): Promise<{ manifest: ImageManifest; frames: Map<number, Uint8Array> }> {
  const raw = await readFile(path);
  const list: Frame[] = [];
  const frames = new Map<number, Uint8Array>();
  for (let at = 0; at < raw.length; at += FRAME_BYTES) {
    const part = raw.subarray(at, at + FRAME_BYTES);
    if (isZero(part)) list.push({ kind: 'zero' });
    else {
      const { frame, zstd } = await encodeFrame(part);
      frames.set(list.length, zstd);
      list.push(frame);
    }
  }
  return { manifest: sealManifest(raw.length, list), frames };
}
