/** sushy-tools' emulator with its fake driver: a Redfish service that we did not write, in front of machines of air. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmulator } from './sushy-emulator.ts';

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

/** @throws when the emulator does not answer */
export async function startSushyFake({ systems, password, tls }: SushyOptions): Promise<SushyFake> {
  const dir = await mkdtemp(join(tmpdir(), 'ingot-sushy-'));
  const port = await freePort();
  const nics = [{ mac: '52:54:00:99:00:01', ip: '192.0.2.1' }];
  const fakes = systems.map((name) => ({ uuid: `${name}-id`, name, power_state: 'Off', nics }));
  const remove = () => rm(dir, { recursive: true, force: true });
  try {
    const child = await startEmulator({
      dir,
      address: '127.0.0.1',
      port,
      settings: { FAKE_DRIVER: 1, FAKE_SYSTEMS: fakes },
      ...(password === undefined ? {} : { login: { username: 'admin', password } }),
      ...(tls === undefined ? {} : { tls }),
    });
    const close = async () => {
      await child.stop(1000);
      await remove();
    };
    return { endpoint: `127.0.0.1:${port}`, close };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
