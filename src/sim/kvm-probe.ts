import { access, constants, mkdir, readFile, writeFile } from 'node:fs/promises';
import { arch, cpus, release } from 'node:os';
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import { exec } from '../core/exec.ts';
import type { Accelerator } from './machine-spec.ts';

export interface AcceleratorChoice {
  accelerator: Accelerator;
  /** One line for the person who waits: why not KVM, or that it works. */
  reason: string;
}

export interface ProbeDoors {
  clock: Clock;
  /** Remembers the answer for this kernel, processor and device. */
  cacheFile: string;
  /** Gives a kernel and an initramfs that says USERLAND-REACHED on ttyS0. Called only when there is something to probe. */
  probeImage: () => Promise<{ kernel: string; initrd: string }>;
  /** Default /dev/kvm. */
  device?: string;
}

/** A working KVM needs under a second for this; a hanging one never gets there. */
const PROBE_MS = 8000;

/**
 * Decides between KVM and software emulation. A `/dev/kvm` that exists proves nothing: inside clouds it is common that
 * guests hang on it. So a tiny kernel has to reach userland in a few seconds; the answer is remembered.
 */
export async function chooseAccelerator(doors: ProbeDoors): Promise<AcceleratorChoice> {
  const device = doors.device ?? '/dev/kvm';
  const usable = await access(device, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!usable) return { accelerator: 'tcg', reason: `no usable ${device}: software emulation` };
  const key = [device, release(), arch(), cpus()[0]?.model ?? ''].join('|');
  const remembered = await recall(doors.cacheFile, key);
  const works = remembered ?? (await probe(doors));
  if (remembered === undefined) await remember(doors.cacheFile, key, works);
  return works
    ? { accelerator: 'kvm', reason: 'KVM works: hardware virtualisation' }
    : { accelerator: 'tcg', reason: `${device} is there but its guests hang or fail: software emulation` };
}

async function probe(doors: ProbeDoors): Promise<boolean> {
  const { kernel, initrd } = await doors.probeImage();
  using deadline = new Deadline(doors.clock, 'a test machine under KVM to reach userland', PROBE_MS);
  const machine = ['-accel', 'kvm', '-machine', 'q35', '-cpu', 'host', '-m', '256', '-nodefaults', '-display', 'none'];
  const boot = ['-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0 quiet panic=-1', '-no-reboot'];
  try {
    const args = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...machine, ...boot, '-serial', 'stdio'];
    const { stdout } = await exec('setpriv', args, { signal: deadline.signal });
    return stdout.includes('USERLAND-REACHED');
  } catch {
    // Whatever went wrong, the answer is the same: not with KVM here.
    return false;
  }
}

async function recall(file: string, key: string): Promise<boolean | undefined> {
  try {
    const kept = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    return typeof kept[key] === 'boolean' ? kept[key] : undefined;
  } catch {
    // No answer yet, or none that can be read: probe again.
    return undefined;
  }
}

async function remember(file: string, key: string, works: boolean): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify({ [key]: works })}\n`);
}
