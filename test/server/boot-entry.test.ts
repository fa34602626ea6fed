import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { decideEntry } from '../../src/boot/entry.ts';
import { renderEntry } from '../../src/boot/scripts.ts';
import { loaderSource } from '../../src/server/tftp-files.ts';
import { BootFiles } from '../../src/server/boot-files.ts';
import { Engine, KEY, MAC, World } from '../support/engine.ts';
import { request } from '../support/sim-agent.ts';

describe('server: the unsigned entry', () => {
  let world: World;
  let engine: Engine;

  before(async () => {
    world = new World();
    engine = await Engine.start(world);
    await world.addHost();
  });

  after(async () => {
    await engine.kill();
    await world.end();
  });

  it('is closed where our own DHCP server gives signed URLs', async () => {
    await engine.book.update(KEY, () => ({ attempt: 1, boot: { intent: 'ramdisk', since: '2026-01-01T00:00:00Z' } }));
    for (const path of ['/boot.ipxe', `/boot/${MAC}`, `/boot/${MAC.replaceAll(':', '-')}`]) {
      const { status, body } = await request('GET', `http://127.0.0.1:${world.ports.http}${path}`);
      assert.equal(status, 404, path);
      assert.doesNotMatch(body, /token/);
    }
  });

  it('decides as DHCP would: known machines, and only what is planned', () => {
    const owner = engine.book.hosts.byMac(MAC);
    const since = '2026-01-01T00:00:00Z';
    assert.deepEqual(decideEntry(MAC, owner, { boot: { intent: 'ramdisk', since } }), { kind: 'script' });
    assert.deepEqual(decideEntry(MAC, owner, { boot: { intent: 'disk', since } }), { kind: 'script' });
    const idle = decideEntry(MAC, owner, { boot: { intent: 'none', since } });
    assert.ok(idle.kind === 'nothing' && idle.reason.includes('is not meant to boot from the network now'));
    const unknown = decideEntry(MAC, { kind: 'unknown' }, {});
    assert.ok(unknown.kind === 'nothing' && unknown.reason.includes(MAC));
    const both = decideEntry(MAC, { kind: 'ambiguous', hosts: ['lab/a', 'lab/b'] }, {});
    assert.ok(both.kind === 'nothing' && both.reason.includes('lab/a and lab/b'));
  });

  it('is an iPXE script that asks by MAC address, over HTTP and as autoexec.ipxe', async () => {
    const text = renderEntry('http://10.0.0.2:8080');
    assert.match(text, /^#!ipxe\n/);
    assert.match(text, /^chain .* http:\/\/10\.0\.0\.2:8080\/boot\/\$\{netX\/mac:hexhyp\} /m);
    assert.doesNotMatch(text, /\{\{/);
    const files = await BootFiles.open(world.dir, world.dir, undefined);
    const client = { address: '10.0.0.9', port: 1 };
    assert.equal(await loaderSource(files)('autoexec.ipxe', client), undefined, 'not where DHCP leads the way');
    const file = await loaderSource(files, text)('autoexec.ipxe', client);
    assert.equal(Buffer.from((await file?.read(0, file.size)) ?? []).toString('utf8'), text);
  });
});
