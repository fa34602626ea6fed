import { spawn } from 'node:child_process';
import { errorText } from '../core/errors.ts';
import { exec, execErrors } from '../core/exec.ts';
import { simErrors } from './errors.ts';

/**
 * The lab's network: one namespace with a bridge that all machines are plugged into, and a veth pair that stands for
 * the management network: its outer end has the BMCs, its inner end is how the lab's owner reaches the API server.
 *
 *     host ── 169.254.77.1 (BMCs, ports 6230…) ══ veth ══ 169.254.77.2 ── namespace: br0 10.77.0.1/24, tap0, tap1 …
 */
export interface LabNetwork {
  namespace: string;
  bridge: string;
  /** IPv4 of the bridge, where a provisioner listens for machines. */
  bridgeAddress: string;
  /** IPv4 of the outer end: BMCs. */
  hostAddress: string;
  /** IPv4 of the inner end: for what the owner of the lab talks to. */
  insideAddress: string;
  hostInterface: string;
  taps: readonly string[];
}

export const LAB_BRIDGE = 'br0';
export const LAB_BRIDGE_ADDRESS = '10.77.0.1';
export const LAB_PREFIX_LENGTH = 24;
/** What a provisioner may give to machines. */
export const LAB_RANGE = '10.77.0.100-10.77.0.200';
const ROUTER_PREFIX = 'fd77::';

/** Link-local addresses need no route and collide with nobody's networks; /30 each, so 64 labs fit side by side. */
const LAB_SLOTS = 64;

/** Addresses and names of slot number `slot`. */
export function labAddresses(slot: number): { hostInterface: string; hostAddress: string; insideAddress: string } {
  return {
    hostInterface: `ingot-lab${slot}`,
    hostAddress: `169.254.77.${slot * 4 + 1}`,
    insideAddress: `169.254.77.${slot * 4 + 2}`,
  };
}

/**
 * Makes the namespace, the bridge, `taps` taps and the veth pair.
 * @param slots order to try slots in; the first free one is taken (the kernel refuses a second interface of one name)
 * @throws SIM_LAB_CROWDED, EXEC_FAILED
 */
export async function createLabNetwork(
  namespace: string,
  taps: number,
  slots: readonly number[] = [...Array(LAB_SLOTS).keys()],
): Promise<LabNetwork> {
  await exec('ip', ['netns', 'add', namespace]);
  const slot = await takeSlot(namespace, slots);
  const { hostInterface, hostAddress, insideAddress } = labAddresses(slot);
  const names = [...Array(taps).keys()].map((i) => `tap${i}`);
  await ipBatch([], [`addr add ${hostAddress}/30 dev ${hostInterface}`, `link set ${hostInterface} up`]);
  await ipBatch(
    ['-n', namespace],
    [
      'link set lo up',
      `addr add ${insideAddress}/30 dev mgmt0`,
      'link set mgmt0 up',
      // A spanning tree would swallow the first DISCOVERs of every machine.
      `link add ${LAB_BRIDGE} type bridge forward_delay 0 stp_state 0`,
      `addr add ${LAB_BRIDGE_ADDRESS}/${LAB_PREFIX_LENGTH} dev ${LAB_BRIDGE}`,
      `addr add ${ROUTER_PREFIX}1/64 dev ${LAB_BRIDGE} nodad`,
      `link set ${LAB_BRIDGE} up`,
      ...names.flatMap((tap) => [
        `tuntap add dev ${tap} mode tap`,
        `link set ${tap} master ${LAB_BRIDGE}`,
        `link set ${tap} up`,
      ]),
    ],
  );
  return {
    namespace,
    bridge: LAB_BRIDGE,
    bridgeAddress: LAB_BRIDGE_ADDRESS,
    hostAddress,
    insideAddress,
    hostInterface,
    taps: names,
  };
}

async function takeSlot(namespace: string, slots: readonly number[]): Promise<number> {
  for (const slot of slots) {
    const { hostInterface } = labAddresses(slot);
    const peer = ['peer', 'name', 'mgmt0', 'netns', namespace];
    const made = await exec('ip', ['link', 'add', hostInterface, 'type', 'veth', ...peer], { ok: [0, 2] });
    if (made.code === 0) return slot;
    if (!made.stderr.includes('File exists'))
      throw execErrors.make('EXEC_FAILED', `cannot make the lab's management link: ${made.stderr.trim()}`);
  }
  throw simErrors.make('SIM_LAB_CROWDED', `all ${slots.length} lab slots are taken`);
}

async function ipBatch(options: readonly string[], lines: readonly string[]): Promise<void> {
  await exec('ip', [...options, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/**
 * Starts the lab's router: it sends IPv6 router advertisements and nothing else. Without any on the network iPXE waits
 * some 13 s at each start for an IPv6 configuration; real networks have a router too. It ends with this process.
 */
export function startLabRouter(network: LabNetwork): { pid: number | undefined; stop: () => void } {
  const dnsmasq = ['dnsmasq', '-k', '--port=0', `--interface=${network.bridge}`, '--bind-interfaces', '--enable-ra'];
  // A change of user or group would make the kernel forget the death signal.
  const quiet = ['--conf-file=/dev/null', '--leasefile-ro', '--user=root', '--group=root', '--pid-file='];
  const range = `--dhcp-range=${ROUTER_PREFIX},ra-only,64`;
  const argv = ['--pdeathsig', 'KILL', 'ip', 'netns', 'exec', network.namespace, ...dnsmasq, ...quiet, range];
  const child = spawn('setpriv', argv, { stdio: 'ignore' });
  // Its absence costs seconds per boot, not the lab.
  child.on('error', () => {});
  return { pid: child.pid, stop: () => void child.kill('SIGKILL') };
}

/**
 * Takes a lab's network away, and every process that still runs in its namespace: the namespace is ours alone, so are
 * they. Nothing happens when it is gone already.
 * @returns what could not be removed, in words; empty when all is well
 */
export async function removeLabNetwork(namespace: string, hostInterface: string | undefined): Promise<string[]> {
  const problems: string[] = [];
  const run = async (args: string[]) => {
    const { code, stderr } = await exec('ip', args, { ok: [0, 1, 2, 255] });
    const gone = /No such file|Cannot find device|does not exist/.test(stderr);
    if (code !== 0 && !gone) problems.push(stderr.trim());
  };
  for (const pid of await namespacePids(namespace)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) problems.push(errorText(error));
    }
  }
  if (hostInterface !== undefined) await run(['link', 'del', hostInterface]);
  await run(['netns', 'del', namespace]);
  return problems;
}

/** Processes that run in a namespace; none when there is no such namespace. */
export async function namespacePids(namespace: string): Promise<number[]> {
  const { stdout } = await exec('ip', ['netns', 'pids', namespace], { ok: [0, 1, 2, 255] });
  return stdout.split('\n').filter(Boolean).map(Number);
}
