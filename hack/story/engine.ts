import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { REPOSITORY } from '../../src/sim/builders.ts';
import { LAB_RANGE, type LabNetwork } from '../../src/sim/lab-network.ts';
import { type Child, startChild } from './children.ts';

export interface Engine {
  child: Child;
  kubeconfig: string;
  /** Counters of the engine, as Prometheus text. */
  metrics: () => Promise<string>;
}

const NODE = join(REPOSITORY, 'node_modules', '.bin', 'node');
const READY_SECONDS = 60;

/** The command of this repository's Node, for programs of the demo. */
export function node(...args: string[]): string[] {
  return [NODE, ...args];
}

/** The engine gives the addresses of the lab's range. */
const OWN_DHCP = ['--range', LAB_RANGE];

/**
 * Starts `ingot up` inside the lab's network and waits until it says that it is ready.
 * @param more arguments of `ingot up`
 * @param dhcp arguments that say who gives addresses
 * @throws when it ends or stays silent
 */
export async function startEngine(
  network: LabNetwork,
  dir: string,
  ramdisk: string,
  signal: AbortSignal,
  more: readonly string[] = [],
  dhcp: readonly string[] = OWN_DHCP,
): Promise<Engine> {
  const data = join(dir, 'engine');
  await mkdir(data, { recursive: true });
  let ready: (line: string) => void = () => {};
  const isReady = new Promise<string>((resolve) => (ready = resolve));
  const listen = ['--interface', network.bridge, ...dhcp, ...more, '--api-address', network.insideAddress];
  const up = ['up', '--data', data, ...listen, '--ramdisk', ramdisk, '--yes', '--json'];
  const log = join(dir, 'engine.log');
  // With --json a failed start says why on its standard output.
  const said: string[] = [];
  const child = startChild(node(join(REPOSITORY, 'src', 'cli', 'main.ts'), ...up), {
    network,
    log,
    onLine: (line) => {
      if (line.includes('"ready":true')) ready(line);
      else said.push(line);
    },
  });
  const failed = child.exited.then((code) => {
    throw new Error(`ingot up ended with code ${code ?? 'none'}: ${said.join(' ').slice(-600)}; see ${log}`);
  });
  failed.catch(() => {});
  const late = new Promise<never>((_, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`ingot up was not ready after ${READY_SECONDS} s; see ${log}`)),
      READY_SECONDS * 1000,
    );
    timer.unref();
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  late.catch(() => {});
  const { kubeconfig, httpPort } = JSON.parse(await Promise.race([isReady, failed, late])) as {
    kubeconfig: string;
    httpPort: number;
  };
  return {
    child,
    kubeconfig,
    metrics: async () => {
      const response = await fetch(`http://${network.insideAddress}:${httpPort}/metrics`);
      return await response.text();
    },
  };
}
