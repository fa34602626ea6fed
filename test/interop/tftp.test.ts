/** Our TFTP server against tftp-hpa, curl and busybox, over clean and lossy paths. Run as root. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TftpEvent } from '../../src/tftp/events.ts';
import type { TransferLimits } from '../../src/tftp/negotiate.ts';
import { seededRandom } from '../support/mutate.ts';
import { NetLab, type Program } from '../support/netns.ts';

const MAIN = resolve(import.meta.dirname, '../support/tftp-main.ts');
const SERVER = '10.64.0.1';

let dir = '';
let root = '';
const sums = new Map<string, string>();
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ingot-tftp-'));
  root = join(dir, 'root');
  const random = seededRandom(1);
  await rm(root, { recursive: true, force: true });
  await mkdir(root);
  // 44 000 000 bytes are more than 65535 blocks of 512: the block number goes round once.
  for (const [name, size] of [
    ['small', 1_000],
    ['exact', 1_024],
    ['empty', 0],
    ['boot', 1_000_003],
  ] as const) {
    const bytes = Buffer.from(Array.from({ length: size }, () => Math.floor(random() * 256)));
    await writeFile(join(root, name), bytes);
    sums.set(name, createHash('sha256').update(bytes).digest('hex'));
  }
  const long = Buffer.alloc(44_000_000, 'sixteen byte text');
  await writeFile(join(root, 'long'), long);
  sums.set('long', createHash('sha256').update(long).digest('hex'));
  await writeFile(join(dir, 'secret'), 'outside');
});
after(() => rm(dir, { recursive: true, force: true }));

async function withServer(
  room: string,
  body: (lab: NetLab, server: Program) => Promise<void>,
  limits?: TransferLimits,
): Promise<void> {
  const lab = new NetLab(`tftp-${room}`);
  try {
    await lab.namespace('s');
    await lab.namespace('c');
    await lab.cable(
      { ns: 's', device: 'lan', address: `${SERVER}/24` },
      { ns: 'c', device: 'eth0', address: '10.64.0.2/24' },
    );
    const more = limits === undefined ? [] : [JSON.stringify(limits)];
    const server = lab.start('s', [process.execPath, MAIN, SERVER, '69', root, ...more]);
    await server.line(/^ready$/);
    await body(lab, server);
  } finally {
    await lab.close();
  }
}

function events(server: Program): TftpEvent[] {
  return server.lines.filter((l) => l.startsWith('{')).map((l) => JSON.parse(l) as TftpEvent);
}

async function sum(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

async function curl(lab: NetLab, name: string, ...extra: string[]): Promise<string> {
  const out = join(dir, `got-${name}`);
  await lab.run('c', ['curl', '-sS', '-m', '100', ...extra, '-o', out, `tftp://${SERVER}/${name}`], 110_000);
  if (name === 'empty') await truncate(out, 0).catch(() => writeFile(out, ''));
  return sum(out);
}

/** Drops every `n`th packet that arrives in a namespace. */
async function lose(lab: NetLab, ns: string, n: number): Promise<void> {
  const chain = 'add chain ip loss in { type filter hook input priority 0; }';
  const rules = `add table ip loss\n${chain}\nadd rule ip loss in meta l4proto udp numgen inc mod ${n} 0 drop`;
  await lab.run(ns, ['nft', rules]);
}

describe('curl', () => {
  it('reads files of every ending with its own options', () =>
    withServer('curl', async (lab, server) => {
      for (const name of ['small', 'exact', 'boot']) assert.equal(await curl(lab, name), sums.get(name), name);
      // This curl calls a tsize of 0 illegal, so it may not ask for it.
      assert.equal(await curl(lab, 'empty', '--tftp-no-options'), sums.get('empty'));
      assert.equal(await curl(lab, 'boot', '--tftp-blksize', '1468'), sums.get('boot'));
      assert.equal(await curl(lab, 'boot', '--tftp-no-options'), sums.get('boot'));
      const ends = events(server).filter((e) => e.kind !== 'start');
      assert.deepEqual(new Set(ends.map((e) => e.kind)), new Set(['complete']));
    }));

  it('is refused what is not there and what is outside', () =>
    withServer('refuse', async (lab, server) => {
      await lab.run('c', ['curl', '-sS', `tftp://${SERVER}/nothing`], 20_000, [68]);
      const outside = ['curl', '-sS', '--path-as-is', `tftp://${SERVER}/../secret`];
      assert.doesNotMatch((await lab.run('c', outside, 20_000, [68, 69])).stdout, /outside/);
      await lab.run('c', ['curl', '-sS', '-T', join(root, 'small'), `tftp://${SERVER}/new`], 20_000, [69]);
      assert.deepEqual(
        events(server).map((e) => e.kind),
        ['refused', 'refused', 'refused'],
      );
    }));

  it('reads more than 65535 blocks', () =>
    withServer('long', async (lab) => {
      assert.equal(await curl(lab, 'long', '--tftp-blksize', '512'), sums.get('long'));
    }));
});

describe('tftp-hpa', () => {
  it('reads in octet and in netascii mode', () =>
    withServer('hpa', async (lab) => {
      const out = join(dir, 'hpa');
      await lab.run('c', ['tftp', '-m', 'binary', SERVER, '-c', 'get', 'boot', out]);
      assert.equal(await sum(out), sums.get('boot'));
      await writeFile(join(root, 'text'), 'one\ntwo\r\nthree\rfour');
      await lab.run('c', ['tftp', '-m', 'ascii', SERVER, '-c', 'get', 'text', out]);
      assert.equal(await readFile(out, 'utf8'), 'one\ntwo\r\nthree\rfour');
    }));
});

describe('busybox tftp', () => {
  it('reads with large blocks when they are allowed', () =>
    withServer(
      'bb',
      async (lab, server) => {
        const out = join(dir, 'bb');
        await lab.run('c', ['busybox', 'tftp', '-g', '-b', '16384', '-r', 'boot', '-l', out, SERVER]);
        assert.equal(await sum(out), sums.get('boot'));
        assert.ok(events(server).some((e) => e.kind === 'start' && e.blockSize === 16384));
      },
      { maxBlockSize: 65464, maxWindowSize: 64, maxWindowBytes: 1 << 19 },
    ));
});

describe('a lossy path', () => {
  it('loses data packets: the file arrives whole all the same', () =>
    withServer('lossc', async (lab, server) => {
      await lose(lab, 'c', 29);
      assert.equal(await curl(lab, 'boot', '--tftp-blksize', '1468'), sums.get('boot'));
      const end = events(server).find((e) => e.kind === 'complete');
      assert.ok(end?.kind === 'complete' && end.retransmits > 0);
    }));

  it('loses acknowledgements: the file arrives whole all the same', () =>
    withServer('losss', async (lab, server) => {
      await lose(lab, 's', 31);
      assert.equal(await curl(lab, 'boot', '--tftp-blksize', '1468'), sums.get('boot'));
      assert.ok(events(server).some((e) => e.kind === 'complete'));
    }));
});
