/** Other people's IPMI programs, started on loopback and ended by their process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { exec } from '../../src/core/exec.ts';

export interface Peer {
  port: number;
  close(): Promise<void>;
}

export interface SimPeer extends Peer {
  /** What ipmi_sim asked its machine to do, one line a call: "set power 1". */
  calls(): Promise<string[]>;
}

/** A UDP port of loopback that nobody used a moment ago. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  const { port } = socket.address();
  await new Promise<void>((done) => socket.close(done));
  return port;
}

const chassisScript = (powerSeconds: number) => `#!/bin/sh
# called as: chassis.sh ADDRESS get|set|check PARAMETER [VALUE] ...
here=$(dirname "$0"); action=$2; shift 2
echo "$action $*" >> "$here/calls"
[ "$action $*" = "get power" ] && [ ${powerSeconds} != 0 ] && sleep ${powerSeconds}
case $action in
get) for p in "$@"; do
       default=0; [ "$p" = boot ] && default=default
       echo "$p:$(cat "$here/$p" 2>/dev/null || echo $default)"
     done ;;
set) while [ $# -gt 1 ]; do echo "$2" > "$here/$1"; shift 2; done ;;
esac
`;

const EMULATOR = `mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
`;

function lanConfig(dir: string, port: number): string {
  const levels = ['callback', 'user', 'operator', 'admin'];
  return `name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 ${port}
    priv_limit admin
${levels.map((l) => `    allowed_auths_${l} none md2 md5 straight`).join('\n')}
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "${dir}/chassis.sh 0x20"
  user 1 true  ""      "test"   user  10 none md2 md5 straight
  user 2 true  "admin" "secret" admin 10 none md2 md5 straight
`;
}

/**
 * OpenIPMI's simulator: user admin, password secret; a shell script is its machine.
 * @param emulator more commands for it: sensors, records, inventories
 * @param options `powerSeconds`: what reading the power state takes
 */
export async function startIpmiSim(
  emulator: readonly string[] = [],
  options: { powerSeconds?: number } = {},
): Promise<SimPeer> {
  const dir = await mkdtemp(path.join(tmpdir(), 'ingot-ipmi-sim-'));
  const port = await freeUdpPort();
  await mkdir(path.join(dir, 'state'));
  await writeFile(path.join(dir, 'chassis.sh'), chassisScript(options.powerSeconds ?? 0));
  await chmod(path.join(dir, 'chassis.sh'), 0o755);
  await writeFile(path.join(dir, 'lan.conf'), lanConfig(dir, port));
  await writeFile(path.join(dir, 'sim.emu'), `${EMULATOR}${emulator.map((line) => `${line}\n`).join('')}`);
  const args = ['-c', path.join(dir, 'lan.conf'), '-f', path.join(dir, 'sim.emu'), '-s', path.join(dir, 'state'), '-n'];
  const child = spawn('ipmi_sim', args, { stdio: 'ignore' });
  const peer = await running(child, port);
  return {
    port,
    calls: async () => (await readFile(path.join(dir, 'calls'), 'utf8').catch(() => '')).split('\n').filter(Boolean),
    async close() {
      await peer.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** pyghmi's server, as in virtualbmc: answers suite 3 always, silent to unknown users. */
export async function startPyghmi(): Promise<Peer> {
  const port = await freeUdpPort();
  const script = path.join(import.meta.dirname, 'pyghmi-bmc.py');
  // Debian's own Python: another one first on the PATH would not have Debian's packages.
  return await running(spawn('/usr/bin/python3', [script, String(port)], { stdio: 'ignore' }), port);
}

export interface GoipmiPeer extends Peer {
  /** Commands that it has run, by name, in order. */
  commands(): string[];
  /** Folder entry of the terminal behind its serial port. */
  terminal(): string | undefined;
}

/**
 * go-ipmi's server, a BMC that shares no code with OpenIPMI or pyghmi and speaks suite 17; user admin, password secret.
 * @param suites cipher suites that it offers
 */
export async function startGoipmi(suites: readonly number[] = [3, 17]): Promise<GoipmiPeer> {
  const build = path.resolve(import.meta.dirname, '../../hack/peers/goipmi/build');
  const program = (await exec(build, [], { signal: AbortSignal.timeout(300_000) })).stdout.trim();
  const port = await freeUdpPort();
  const env = {
    GOIPMI_SERVER_PORT: String(port),
    GOIPMI_SERVER_USER: 'admin',
    GOIPMI_SERVER_PASS: 'secret',
    GOIPMI_SERVER_CIPHER_SUITES: suites.join(','),
    GOIPMI_SERVER_V15_AUTH_TYPES: 'none,md2,md5,password',
    GOIPMI_SERVER_CONSOLE: 'pty',
    GOIPMI_SERVER_TRACE: '1',
  };
  const child = spawn(program, [], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (out += data.toString()));
  return {
    ...(await running(child, port)),
    commands: () => Array.from(out.matchAll(/trace "(.*?)"/g), ([, name = '']) => name),
    terminal: () => /console pty slave: (\S+)/.exec(out)?.[1],
  };
}

/** Open sessions by what a BMC tells ipmitool, whose own one is among them. */
export async function openSessions(port: number, options: ToolOptions): Promise<number> {
  const { text } = await ipmitool(port, 'session info active', options);
  const found = /active sessions +: (\d+)/.exec(text)?.[1];
  if (found === undefined) throw new Error(`no sessions are told: ${text}`);
  return Number(found);
}

const READY_TRIES = 60;

/** Waits until the BMC answers Get Channel Authentication Capabilities. */
async function running(child: ChildProcess, port: number): Promise<Peer> {
  const ended = new Promise<void>((done) => child.once('close', () => done()));
  let failure: unknown;
  child.once('error', (e) => (failure = e));
  const peer: Peer = {
    port,
    async close() {
      child.kill('SIGKILL');
      await ended;
    },
  };
  for (let i = 0; i < READY_TRIES; i++) {
    if (failure !== undefined || child.exitCode !== null)
      throw new Error(`IPMI peer did not start: ${String(failure)}`);
    if (await answers(port)) return peer;
  }
  await peer.close();
  throw new Error(`IPMI peer on port ${port} does not answer`);
}

function answers(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    const end = (result: boolean) => {
      clearTimeout(timer);
      socket.close();
      resolve(result);
    };
    const timer = setTimeout(() => end(false), 200);
    socket.on('error', () => {});
    socket.on('message', () => end(true));
    socket.send(Buffer.from('0600ff07000000000000000000092018c88100388e04b5', 'hex'), port, '127.0.0.1');
  });
}

export interface ToolResult {
  code: number;
  /** Standard output, then standard error. */
  text: string;
  ms: number;
}

export interface ToolOptions {
  /** Default loopback. */
  host?: string;
  /** Default lanplus, IPMI 2.0. */
  interface?: 'lan' | 'lanplus';
  /** Authentication type of IPMI 1.5. */
  auth?: 'NONE' | 'MD5' | 'PASSWORD';
  /** Whose departures ipmitool is to follow. */
  oem?: string;
  suite?: number;
  username?: string;
  password?: string;
  privilege?: string;
  /** BMC key as text. */
  kg?: string;
  /** BMC key as 40 hexadecimal digits. */
  kgHex?: string;
}

/** Runs ipmitool over lanplus against a port of loopback. */
export async function ipmitool(port: number, command: string, options: ToolOptions = {}): Promise<ToolResult> {
  const { suite, username = 'admin', password = 'secret', privilege, kg, kgHex, auth } = options;
  const args = [
    '-I',
    options.interface ?? 'lanplus',
    '-H',
    options.host ?? '127.0.0.1',
    '-p',
    String(port),
    '-U',
    username,
    '-E',
  ];
  if (suite !== undefined) args.push('-C', String(suite));
  if (privilege !== undefined) args.push('-L', privilege);
  if (kg !== undefined) args.push('-k', kg);
  if (kgHex !== undefined) args.push('-y', kgHex);
  if (auth !== undefined) args.push('-A', auth);
  if (options.oem !== undefined) args.push('-o', options.oem);
  const start = performance.now();
  const { code, stdout, stderr } = await exec('ipmitool', [...args, ...command.split(' ')], {
    env: { IPMI_PASSWORD: password },
    ok: [0, 1],
    signal: AbortSignal.timeout(30_000),
  });
  return { code, text: stdout + stderr, ms: performance.now() - start };
}
