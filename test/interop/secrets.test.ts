/** Nothing secret leaves the engine: not by its log, Events, objects, agent logs, command lines or explanations. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { ImageServer, sha256 } from '../support/fault-images.ts';
import { NS, Standalone } from '../support/standalone.ts';

const PASSWORD = 'pw-Zr7kQ1xYw9';
const WRONG = 'pw-Tq3nB8vLm2';
const USER_DATA = '#cloud-config\n# ud-H4gD2sKp6c\n';
const META_DATA = 'join: md-J9fX5aRe1u\n';
const URL_PASSWORD = 'url-Wc6zN0tVb4';

/** As somebody would find it: plain, base64, base64url, hex, percent-encoded. */
function disguises(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [secret, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), bytes.toString('hex')];
}

suite('secrets', { timeout: 240_000 }, () => {
  let bed: Standalone;
  let server: ImageServer;
  const tokens = new Set<string>();
  const commands = new Set<string>();
  let sampling: NodeJS.Timeout | undefined;

  before(async () => {
    bed = await Standalone.start();
    server = await ImageServer.start();
    sampling = setInterval(() => childCommands(bed.pid).forEach((c) => commands.add(c)), 100);
  });
  after(async () => {
    clearInterval(sampling);
    await bed?.close();
    server?.close();
  });

  test('a whole life, with failures on the way', async () => {
    const content = new Uint8Array(5 << 20).fill(3);
    server.serve('os.raw', content);
    await bed.secret('ud', { userData: USER_DATA });
    await bed.secret('md', { metaData: META_DATA });
    const host = await bed.enrol('node', {
      password: PASSWORD,
      secret: { username: 'admin', password: WRONG },
      spec: {
        userData: { name: 'ud', namespace: NS },
        metaData: { name: 'md', namespace: NS },
      },
    });
    host.machine.onScript = (script) => {
      for (const [, token = ''] of script.matchAll(/(?:ingot\.token|sig)=([^\s&]+)/g)) tokens.add(token);
    };
    await bed.hosts.error('node', 'registration error');
    await bed.secret('node-bmc', { username: 'admin', password: PASSWORD });
    await bed.hosts.well('node', 'available');
    const image = { url: server.url('os.raw'), checksum: 'ab'.repeat(32), format: 'raw' };
    await bed.edit('node', { image });
    await bed.hosts.error('node', 'provisioning error');
    await bed.edit('node', { image: { ...image, checksum: sha256(content) } });
    await bed.hosts.well('node', 'provisioned');
    assert.ok(host.machine.hardware.disks[0]?.configDrive !== undefined, 'user data did get to the machine');
    await bed.edit('node', { image: null });
    await bed.hosts.well('node', 'available');

    // What is before the @ is ignored, and must not be repeated either.
    const spoiled = `ipmi://root:${URL_PASSWORD}@10.0.0.1:port`;
    await bed.enrol('odd', { spec: { bmc: { address: spoiled, credentialsName: 'odd-bmc' } } });
    const odd = await bed.hosts.error('odd', 'registration error');
    assert.ok(!(odd.status?.errorMessage ?? '').includes(URL_PASSWORD));
  });

  test('none is in anything that people or programs can read', async () => {
    assert.ok(tokens.size >= 2, 'scripts with tokens were seen');
    const api = readFileSync(path.join(bed.dir, 'data/api-token')).toString('base64url');
    const key = readFileSync(path.join(bed.dir, 'data/secret.key'));
    const secrets = [PASSWORD, WRONG, 'ud-H4gD2sKp6c', 'md-J9fX5aRe1u', URL_PASSWORD, api].flatMap(disguises);
    secrets.push(...tokens, key.toString('base64'), key.toString('hex'));
    const progress = await bed.kubectl('get', 'hostprogress', '-o', 'yaml');
    const places: Record<string, string> = {
      'the engine’s log': bed.log,
      Events: await bed.kubectl('get', 'events', '-o', 'yaml'),
      'the status of the hosts': JSON.stringify((await hostStatus()).items.map((h) => h.status)),
      HostProgress: progress,
      HardwareData: await bed.kubectl('get', 'hardwaredata', '-o', 'yaml'),
      'kubectl describe': (await bed.kubectl('describe', 'bmh', 'node')) + (await bed.kubectl('describe', 'secret')),
      'ingot explain': (await bed.explain('lab/node', '--timeline')) + (await bed.explain('lab/odd', '--timeline')),
      metrics: await (await fetch(`${bed.httpUrl}/metrics`)).text(),
      'command lines': [...commands, ...childCommands(bed.pid)].join('\n'),
      'logs of agents and images': filesUnder(path.join(bed.dir, 'data'), ['logs', 'images', 'leases']),
    };
    for (const [place, text] of Object.entries(places)) {
      for (const secret of secrets)
        assert.ok(!text.includes(secret), `${secret} is in ${place}: ${around(text, secret)}`);
    }
    assert.ok(bed.log.split('\n').length > 20 && progress.includes('timeline'), 'there was something to look at');
  });

  test('files with secrets in them are their owner’s alone', () => {
    for (const file of ['secret.key', 'api-token', 'kubeconfig', 'store.db', 'tls']) {
      const { mode } = statSync(path.join(bed.dir, 'data', file));
      assert.ok((mode & 0o077) === 0 || (statSync(path.join(bed.dir, 'data')).mode & 0o077) === 0, file);
    }
  });

  async function hostStatus(): Promise<{ items: { status: unknown }[] }> {
    return JSON.parse(await bed.kubectl('get', 'bmh', '-o', 'json')) as { items: { status: unknown }[] };
  }
});

function around(text: string, secret: string): string {
  const at = text.indexOf(secret);
  return at < 0 ? '' : text.slice(Math.max(0, at - 120), at + secret.length + 40);
}

/** Command lines and environments of a process and its children, as `ps` shows them. */
function childCommands(pid: number): string[] {
  const found: string[] = [];
  for (const entry of readdirSync('/proc').filter((e) => /^\d+$/.test(e))) {
    try {
      const parent = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${entry}/stat`, 'latin1'))?.[1]);
      if (parent === pid || Number(entry) === pid) found.push(readFileSync(`/proc/${entry}/cmdline`, 'latin1'));
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

function filesUnder(dir: string, folders: string[]): string {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' });
  return files
    .filter((f) => folders.includes(f.split('/')[0] ?? '') && statSync(path.join(dir, f)).isFile())
    .filter((f) => statSync(path.join(dir, f)).size < 1 << 20)
    .map((f) => readFileSync(path.join(dir, f), 'latin1'))
    .join('\n');
}
