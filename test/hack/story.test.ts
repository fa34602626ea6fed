import assert from 'node:assert/strict';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { Display, progressText } from '../../hack/story/display.ts';
import { ObjectReader } from '../../hack/story/kubectl.ts';
import { parseOptions } from '../../hack/story/options.ts';
import { diskSignatures, fileSystemsAt, partitionOffsets } from '../../hack/story/proof.ts';
import { demoUserData } from '../../hack/story/user-data.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { exec } from '../../src/core/exec.ts';

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ingot-story-test-'));
});
after(() => rm(dir, { recursive: true, force: true }));

function screen(isTTY: boolean) {
  let text = '';
  const out = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  return { out: Object.assign(out, { isTTY, columns: 60 }), text: () => text };
}

test('options: defaults, and each mistake is named', () => {
  const parsed = parseOptions(['--firmware', 'uefi', '--hosts', '2', '--keep']);
  assert.ok(parsed.kind === 'run');
  assert.deepEqual(
    [parsed.options.firmware, parsed.options.hosts, parsed.options.keep, parsed.options.os],
    ['uefi', 2, true, 'debian'],
  );
  for (const [argv, why] of [
    [['--firmware', 'coreboot'], /--firmware/],
    [['--hosts', '0'], /--hosts/],
    [['--hosts', 'two'], /--hosts/],
    [['--os', 'plan9'], /--os/],
    [['--frobnicate'], /frobnicate/],
  ] as const) {
    const wrong = parseOptions(argv);
    assert.ok(wrong.kind === 'wrong');
    assert.match(wrong.why, why);
  }
});

test('progress is said as far as it is known', () => {
  assert.equal(
    progressText({ phase: 'provisioning', step: 'writing image', percent: 43.7, bytesPerSecond: 85e6, etaSeconds: 65 }),
    'provisioning, writing image 43 %, 85 MB/s, 01:05 left',
  );
  assert.equal(
    progressText({ phase: 'inspecting', wait: { name: 'agent to register', since: '', until: '' } }),
    'inspecting, waiting for agent to register',
  );
});

test('a terminal gets a live block under the lines, a log gets plain lines only', () => {
  const terminal = screen(true);
  const live = new Display(terminal.out);
  live.live('node-0', 'writing 10 %');
  live.say('something happened');
  live.live('node-0', `writing ${'very '.repeat(30)}long`);
  const text = terminal.text().replaceAll(/\[ +\d+\.\d s\]/g, '[t]');
  assert.ok(text.includes('writing 10 %\n\u001b[1A\u001b[J[t] something happened\n  node-0: writing 10 %\n'), text);
  assert.ok(
    terminal
      .text()
      .split('\n')
      .every((line) => line.length < 75),
    'a line that wraps would break the redraw',
  );

  const file = screen(false);
  const log = new Display(file.out);
  log.live('node-0', 'writing 10 %');
  log.say('something happened');
  assert.match(file.text(), /^\[ +0\.\d s\] something happened\n$/);
});

test('objects are cut out of the stream of kubectl', () => {
  const seen: KubeObject[] = [];
  const reader = new ObjectReader((object) => seen.push(object));
  const objects = [{ metadata: { name: 'a' }, spec: { text: '}\n{' } }, { metadata: { name: 'b' } }];
  for (const line of objects.flatMap((o) => JSON.stringify(o, null, 4).split('\n'))) reader.line(line);
  assert.deepEqual(seen, objects);
});

test('user data is cloud-config, and the tiny OS finds its lines', () => {
  const text = demoUserData('http://10.77.0.1:8090/callback', 'abc123');
  assert.ok(text.startsWith('#cloud-config\n'));
  const { runcmd } = parse(text) as { runcmd: string[] };
  assert.match(runcmd[0] ?? '', /curl .*'http:\/\/10\.77\.0\.1:8090\/callback'/);
  assert.match(text, /^# ingot-callback: http:\/\/10\.77\.0\.1:8090\/callback$/m);
  assert.match(text, /^# ingot-value: abc123$/m);
});

test('what is left on a disk is found, and nothing is found on an empty one', async () => {
  const path = join(dir, 'disk');
  await writeFile(path, '');
  const file = await open(path, 'r+');
  await file.truncate(4 << 20);
  assert.deepEqual(await diskSignatures(path), []);
  assert.deepEqual(await partitionOffsets(path), []);

  // One partition at sector 2048 with a file system, and no more of a GPT than is looked at.
  await file.write(Buffer.from([0x55, 0xaa]), 0, 2, 510);
  await file.write(Buffer.from('EFI PART'), 0, 8, 512);
  await file.write(Buffer.from('EFI PART'), 0, 8, (4 << 20) - 512);
  const entry = Buffer.alloc(128, 1);
  entry.writeBigUInt64LE(2048n, 32);
  await file.write(entry, 0, 128, 1024);
  await file.close();
  await exec('mke2fs', ['-q', '-F', '-t', 'ext2', '-E', `offset=${1 << 20}`, path, '2048k'], {
    env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  });
  const found = await diskSignatures(path);
  for (const name of ['MBR', 'primary GPT', 'backup GPT']) assert.ok(found.includes(name), name);
  assert.deepEqual(await partitionOffsets(path), [1 << 20]);
  assert.deepEqual(await fileSystemsAt(path, [0, 1 << 20]), [`ext2 at ${1 << 20}`]);
});
