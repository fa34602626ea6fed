/**
 * Ramdisk: sizes, and seconds from power-on to "agent registered" when it is booted directly (`-kernel`).
 * `node hack/bench/ramdisk.ts [--runs N] [--memory MIB] [--json]`
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type RamdiskInfo, buildRamdisk } from '../../images/ramdisk/build.ts';
import { StandInAgentServer } from '../../test/support/agent-server.ts';
import { RamdiskVm } from '../../test/support/ramdisk-vm.ts';

const CACHE = resolve(import.meta.dirname, '../../.cache/ramdisk');
const PATIENCE_MS = 300_000;

export interface RegisterTiming {
  /** Seconds from the start of the machine until the server has registered the agent. */
  registeredSeconds: number;
  /** Seconds from the start of the kernel, by the machine's own clock. */
  uptimeSeconds: number;
  /** CPU seconds of the emulator until then. */
  cpuSeconds: number;
}

/** A way to boot the ramdisk on a fresh machine; resolves when the agent registered. */
export type Boot = () => Promise<RegisterTiming>;

/** Direct boot under software emulation with the given memory. */
export function directBoot(dir: string, memoryMib: number): Boot {
  return async () => {
    const server = new StandInAgentServer();
    const port = await server.start();
    const cmdline = `ingot.server=https://10.0.2.2:${port} ingot.fingerprint=sha256:${server.fingerprint} ingot.token=${server.token}`;
    const startedAt = performance.now();
    const vm = await RamdiskVm.start({ memoryMib, mac: '52:54:00:12:00:00', ramdisk: { dir, cmdline } });
    try {
      const { uptimeSeconds } = await server.until('registration', PATIENCE_MS, () => server.registrations[0]);
      return {
        registeredSeconds: Math.round(performance.now() - startedAt) / 1000,
        uptimeSeconds,
        cpuSeconds: vm.cpuSeconds(),
      };
    } catch (error) {
      throw new Error(`${String(error)}\n${vm.console}`, { cause: error });
    } finally {
      await vm.stop();
      await server.stop();
    }
  };
}

/** Runs a boot several times. @returns the median and all runs */
export async function measure(boot: Boot, runs: number): Promise<RegisterTiming & { runs: number[] }> {
  const timings: RegisterTiming[] = [];
  for (let n = 0; n < runs; n++) timings.push(await boot());
  timings.sort((a, b) => a.registeredSeconds - b.registeredSeconds);
  const median = timings[Math.floor(timings.length / 2)];
  if (median === undefined) throw new Error('no runs');
  return { ...median, runs: timings.map((t) => t.registeredSeconds) };
}

/** Sizes in bytes, as people and the network see them. */
export function sizes(info: RamdiskInfo) {
  return {
    kernelBytes: info.kernel.bytes,
    ramdiskBytes: info.ramdisk.bytes,
    downloadBytes: info.kernel.bytes + info.ramdisk.bytes,
    unpackedBytes: info.ramdisk.unpackedBytes,
    agentBytes: info.agent.bytes,
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '3' },
      memory: { type: 'string', default: '768' },
      json: { type: 'boolean', default: false },
    },
  });
  const dir = resolve(CACHE, 'out');
  const info = await buildRamdisk({ outDir: dir, cacheDir: CACHE, log: (line) => console.error(`ramdisk: ${line}`) });
  const direct = await measure(directBoot(dir, Number(values.memory)), Number(values.runs));
  const report = { bench: 'ramdisk', ...sizes(info), memoryMib: Number(values.memory), direct };
  if (values.json) console.log(JSON.stringify(report));
  else {
    const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
    console.log(
      `kernel ${mb(report.kernelBytes)}, ramdisk ${mb(report.ramdiskBytes)} (${mb(report.unpackedBytes)} unpacked)`,
    );
    console.log(
      `power-on to registered: ${direct.registeredSeconds} s (runs: ${direct.runs.join(', ')}; CPU ${direct.cpuSeconds} s)`,
    );
  }
}
