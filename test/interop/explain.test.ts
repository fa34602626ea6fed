/** `ingot explain` of hosts that are stuck where hosts get stuck, asked the way a person does. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { exec } from '../../src/core/exec.ts';
import { ImageServer, sha256 } from '../support/fault-images.ts';
import { PASSWORD, Standalone } from '../support/standalone.ts';

suite('explain and logs', { timeout: 120_000, concurrency: true }, () => {
  let bed: Standalone;
  let server: ImageServer;
  const release = Promise.withResolvers<void>();

  before(async () => {
    bed = await Standalone.start();
    server = await ImageServer.start();
  });
  after(async () => {
    release.resolve();
    await bed?.close();
    server?.close();
  });

  /** Asks until the answer fits, as somebody would who watches. */
  async function explained(name: string, expected: RegExp): Promise<string> {
    for (let i = 0; ; i++) {
      const text = await bed.explain(`lab/${name}`);
      if (expected.test(text)) return text;
      if (i === 20) assert.match(text, expected);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  test('powered on, and nothing comes from its network card', async () => {
    const host = await bed.machine('deaf');
    host.machine.deaf = true;
    await bed.secret('deaf-bmc', { username: 'admin', password: PASSWORD });
    await bed.apply(bed.objectOf(host));
    const text = await explained('deaf', /Waiting for the ramdisk’s agent/);
    assert.match(text, /^lab\/deaf is inspecting \(for \d+ s\): .+\.$/m);
    assert.match(text, /Waiting for the ramdisk’s agent to register, since \d+ s; for another 15 min at most\./);
    assert.match(text, /the machine is switched off and booted again, a limited number of times/);
    assert.match(text, new RegExp(`Check: powered on \\d+ s ago, no DHCP request from ${host.mac} seen`));
    assert.doesNotMatch(text, /console:/);
    await mkdir(path.join(bed.dir, 'consoles/lab'), { recursive: true });
    await writeFile(
      path.join(bed.dir, 'consoles/lab/deaf.console'),
      'PXE-E61: Media test failure\n\nNo bootable device.\n',
    );
    const recorded =
      /End of its recorded console, \d+ s ago:\n {2}PXE-E61: Media test failure\n {2}No bootable device\./;
    assert.match(await bed.explain('lab/deaf', '--data', bed.dir), recorded);
  });

  test('an agent that waits for an image which downloads slowly', async () => {
    const bytes = new Uint8Array(8 << 20).fill(9);
    server.stall('slow.raw', bytes, release.promise);
    const image = { url: server.url('slow.raw'), checksum: sha256(bytes), format: 'raw' as const };
    await bed.enrol('slow', { spec: { image } });
    const text = await explained('slow', /downloading the image/);
    assert.match(text, /^lab\/slow is provisioning \(for \d+ s\): downloading the image, \d+ % \(\d+ MiB of 8 MiB/m);
    release.resolve();
    await bed.hosts.well('slow', 'provisioned');
    assert.match(await bed.explain('slow', '-n', 'lab'), /is provisioned, powered on\. Nothing is under way\.$/m);
  });

  test('hosts that do not exist are said to, whichever way they are named', async () => {
    for (const args of [['lab/nobody'], ['nobody', '-n', 'lab']]) {
      const [program, kubeconfig] = [`${import.meta.dirname}/../../hack/ingot`, ['--kubeconfig', bed.kubeconfig]];
      const { code, stderr } = await exec(program, ['explain', ...args, ...kubeconfig], { ok: [0, 1] });
      assert.equal(code, 1);
      assert.match(stderr, /^CLI_NOT_FOUND: BareMetalHost lab\/nobody does not exist/);
      const logs = await exec(program, ['logs', ...args, '--data', bed.dir], { ok: [0, 1] });
      assert.match(logs.stderr, /no agent of lab\/nobody has logged anything/);
      const consoles = await exec(program, ['logs', '--console', ...args, '--data', bed.dir], { ok: [0, 1] });
      assert.match(consoles.stderr, /no console of lab\/nobody was recorded/);
    }
  });
});
