/** sushy-tools' emulator with its fake driver: a Redfish service that we did not write, in front of machines of air. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../../hack/story/children.ts';
import { exec } from '../../src/core/exec.ts';
import { peersFolder } from './peers.ts';
import { bcrypt } from './sushy.ts';

export interface SushyOptions {
  /** Names of the systems; their ids are `<name>-id`. */
  systems: readonly string[];
  password?: string;
  tls?: { certificate: string; key: string };
}

export interface SushyFake {
  /** "127.0.0.1:40123" */
  endpoint: string;
  close(): Promise<void>;
}

const READY_SECONDS = 60;

/** @throws when the emulator does not answer */
export async function startSushyFake({ systems, password, tls }: SushyOptions): Promise<SushyFake> {
  const bin = join(await peersFolder(), 'bin');
  const dir = await mkdtemp(join(tmpdir(), 'ingot-sushy-'));
  const port = await freePort();
  const nics = [{ mac: '52:54:00:99:00:01', ip: '192.0.2.1' }];
  const fakes = systems.map((name) => ({ uuid: `${name}-id`, name, power_state: 'Off', nics }));
  const lines = [
    `SUSHY_EMULATOR_LISTEN_IP = '127.0.0.1'`,
    `SUSHY_EMULATOR_LISTEN_PORT = ${port}`,
    `SUSHY_EMULATOR_FAKE_DRIVER = True`,
    `SUSHY_EMULATOR_STATE_DIR = '${dir}'`,
    `SUSHY_EMULATOR_FAKE_SYSTEMS = ${JSON.stringify(fakes)}`,
  ];
  if (tls !== undefined)
    lines.push(`SUSHY_EMULATOR_SSL_CERT = '${tls.certificate}'`, `SUSHY_EMULATOR_SSL_KEY = '${tls.key}'`);
  if (password !== undefined) {
    await writeFile(join(dir, 'users'), `admin:${await bcrypt(bin, password)}\n`);
    lines.push(`SUSHY_EMULATOR_AUTH_FILE = '${join(dir, 'users')}'`);
  }
  await writeFile(join(dir, 'sushy.conf'), `${lines.join('\n')}\n`);
  const log = join(dir, 'sushy.log');
  const child = startChild([join(bin, 'sushy-emulator'), '--config', join(dir, 'sushy.conf')], { log });
  const close = async () => {
    await child.stop(1000);
    await rm(dir, { recursive: true, force: true });
  };
  const started = Date.now();
  while (!(await listens(port))) {
    if (Date.now() - started > READY_SECONDS * 1000 || child.process.exitCode !== null) {
      const text = await readFile(log, 'utf8');
      await close();
      throw new Error(`sushy-emulator did not start: ${text.slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { endpoint: `127.0.0.1:${port}`, close };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listens(port: number): Promise<boolean> {
  const { stdout } = await exec('ss', ['-Hltn', `sport = :${port}`]);
  return stdout.trim() !== '';
}
