import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from '../../hack/story/children.ts';
import { exec } from '../../src/core/exec.ts';
import type { LabNetwork } from '../../src/sim/lab-network.ts';
import { peersFolder } from './peers.ts';

export interface EmulatorOptions {
  /** Gets configuration, state and log. Must exist. */
  dir: string;
  address: string;
  port: number;
  /** What is in front of it: names without `SUSHY_EMULATOR_`, values that JSON and Python write alike. */
  settings: Readonly<Record<string, unknown>>;
  /** Basic authentication; without it everybody is let in. */
  login?: { username: string; password: string };
  /** PEM files; default: plain http. */
  tls?: { certificate: string; key: string };
  /** Runs inside this lab's network. */
  network?: LabNetwork;
}

const READY_SECONDS = 60;

/** Starts sushy-tools' emulator and waits until it answers. @throws with the end of its log when it does not */
export async function startEmulator(options: EmulatorOptions): Promise<Child> {
  const { dir, address, port, login, tls, network } = options;
  const bin = join(await peersFolder(), 'bin');
  // Virtual media are fetched into the temporary folder.
  for (const folder of ['state', 'tmp']) await mkdir(join(dir, folder));
  const settings = {
    LISTEN_IP: address,
    LISTEN_PORT: port,
    STATE_DIR: join(dir, 'state'),
    ...options.settings,
    ...(login === undefined ? {} : { AUTH_FILE: await htpasswd(bin, dir, login) }),
    ...(tls === undefined ? {} : { SSL_CERT: tls.certificate, SSL_KEY: tls.key }),
  };
  const lines = Object.entries(settings).map(([key, value]) => `SUSHY_EMULATOR_${key} = ${JSON.stringify(value)}\n`);
  const config = join(dir, 'sushy.conf');
  await writeFile(config, lines.join(''));
  const log = join(dir, 'sushy.log');
  const child = startChild([join(bin, 'sushy-emulator'), '--config', config], {
    log,
    env: { TMPDIR: join(dir, 'tmp'), PYTHONUNBUFFERED: '1' },
    ...(network === undefined ? {} : { network }),
  });
  const url = `${tls === undefined ? 'http' : 'https'}://${address}:${port}/redfish/v1/`;
  const end = performance.now() + READY_SECONDS * 1000;
  while (!(await answers(url))) {
    if (performance.now() > end || child.process.exitCode !== null) {
      await child.stop(1000);
      throw new Error(`sushy-emulator did not start: ${(await readFile(log, 'utf8')).slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return child;
}

/** The root needs no password. curl, because it can be told to take a certificate that nobody has signed. */
async function answers(url: string): Promise<boolean> {
  const refusedOrSilent = [7, 28, 52, 56];
  const { code } = await exec('curl', ['-sfk', '-m', '5', '-o', '/dev/null', url], { ok: [0, ...refusedOrSilent] });
  return code === 0;
}

/** Few rounds: the digest is made again for each request, and bcrypt's usual 2^12 take a quarter of a second each time. */
const BCRYPT_COST = 4;

async function htpasswd(bin: string, dir: string, login: { username: string; password: string }): Promise<string> {
  const script = `import bcrypt, sys; print(bcrypt.hashpw(sys.stdin.buffer.read(), bcrypt.gensalt(${BCRYPT_COST})).decode())`;
  const { stdout } = await exec(join(bin, 'python'), ['-c', script], { input: login.password });
  const file = join(dir, 'htpasswd');
  await writeFile(file, `${login.username}:${stdout.trim()}\n`, { mode: 0o600 });
  return file;
}
