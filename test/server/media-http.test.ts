import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import { SECRET } from '../../src/api/resources.ts';
import { isoContent } from '../../src/boot/ramdisk-iso.ts';
import { RamdiskMedia, mediaScope } from '../../src/boot/ramdisk-media.ts';
import { AgentTokens } from '../../src/boot/tokens.ts';
import { errorCode } from '../../src/core/errors.ts';
import { redactText } from '../../src/core/log.ts';
import { mediaBases } from '../../src/server/media-bases.ts';
import { IsoBase } from '../../src/server/iso-base.ts';
import { localAddressTowards } from '../../src/server/local-address.ts';
import { Engine, KEY, MAC, World } from '../support/engine.ts';

const NETWORK = {
  links: [{ id: 'l', type: 'phy', ethernet_mac_address: MAC }],
  networks: [{ link: 'l', type: 'ipv4_dhcp' }],
};
const SINCE = new Date().toISOString();

describe('server: the ramdisk’s ISO of one machine', () => {
  let world: World;
  let engine: Engine;
  let host: BareMetalHost;
  let iso: IsoBase;
  let url = '';
  /** What a stored copy of this machine’s ISO would be. */
  let copy: Buffer;

  before(async () => {
    world = new World();
    engine = await Engine.start(world);
    await world.store.create(SECRET, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: KEY.namespace, name: 'net' },
      data: { networkData: Buffer.from(JSON.stringify(NETWORK)).toString('base64') },
    });
    host = await world.addHost({
      bmc: { address: 'redfish-virtualmedia://sim', credentialsName: 's' },
      preprovisioningNetworkDataName: 'net',
    });
    await engine.book.update(KEY, () => ({ attempt: 3, boot: { intent: 'ramdisk', since: SINCE } }));
    const opened = await IsoBase.open(world.dir);
    assert.ok(opened !== undefined);
    iso = opened;
    url = await engine.media.url(host, engine.book.status(KEY));
    const { patches } = await engine.media.content(host, engine.book.status(KEY));
    copy = await readFile(join(world.dir, 'ramdisk.iso'));
    for (const { offset, data } of patches) copy.set(data, offset);
  });

  after(async () => {
    await iso.close();
    await engine.kill();
    await world.end();
  });

  const get = async (range?: string, headers: Record<string, string> = {}, method = 'GET') => {
    const reply = await fetch(url, { method, headers: { ...headers, ...(range === undefined ? {} : { range }) } });
    return { status: reply.status, headers: reply.headers, body: Buffer.from(await reply.arrayBuffer()) };
  };

  it('has a URL that any BMC takes: an address, no query, .iso at its end; logs do not show what makes it secret', () => {
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/media\/lab\/3\/[a-z0-9]+\.[\w-]{24}\/node-0\.iso$/);
    const shown = redactText(`BMC said: cannot fetch "${url}"`);
    assert.equal(shown.includes(url.split('/').at(-2) ?? ''), false);
    assert.match(shown, /media\/lab\/3\/\[redacted\]\/node-0\.iso"$/);
  });

  it('sends the base with the parts of this machine laid over it', async () => {
    const whole = await get();
    assert.equal(whole.status, 200);
    assert.equal(whole.headers.get('content-length'), String(iso.info.bytes));
    assert.equal(whole.headers.get('accept-ranges'), 'bytes');
    assert.ok(whole.body.equals(copy));
    const text = whole.body.toString('latin1');
    const token = new AgentTokens(world.secret).mediaToken(KEY, { hostUid: host.metadata.uid ?? '', attempt: 3 });
    for (const part of [
      "set arguments='console=ttyS0'\n",
      `ingot.server=https://127.0.0.1:${world.ports.agent}\n`,
      `ingot.token=${token}\n`,
      `BOOTIF=01-${MAC.replaceAll(':', '-')}\n`,
      JSON.stringify(NETWORK),
    ]) {
      assert.ok(text.includes(part), part);
    }
    const head = await get(undefined, {}, 'HEAD');
    assert.deepEqual(
      [head.status, head.headers.get('content-length'), head.body.length],
      [200, String(copy.length), 0],
    );
    assert.equal(head.headers.get('etag'), whole.headers.get('etag'));
  });

  it('sends any range as that range of a stored copy would be', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(copy.length - 1), fc.nat(70_000), async (start, length) => {
        const end = Math.min(copy.length - 1, start + length);
        const part = await get(`bytes=${start}-${end}`);
        assert.equal(part.status, 206);
        assert.equal(part.headers.get('content-range'), `bytes ${start}-${end}/${copy.length}`);
        assert.equal(part.headers.get('content-length'), String(end - start + 1));
        assert.ok(part.body.equals(copy.subarray(start, end + 1)), `${start}-${end}`);
      }),
      { numRuns: 60 },
    );
    assert.ok((await get('bytes=-100')).body.equals(copy.subarray(-100)));
    assert.ok((await get('bytes=307199-')).body.equals(copy.subarray(307_199)));
    assert.equal((await get(`bytes=${copy.length}-`)).status, 416);
  });

  it('does not glue a range to what has changed meanwhile', async () => {
    const etag = (await get('bytes=0-0')).headers.get('etag') ?? '';
    assert.equal((await get('bytes=0-9', { 'if-range': etag })).status, 206);
    const other = await get('bytes=0-9', { 'if-range': '"another"' });
    assert.deepEqual([other.status, other.body.length], [200, copy.length]);
    assert.equal((await get(undefined, { 'if-none-match': etag })).status, 304);
  });

  it('says in the timeline that it is fetched, and how much of it', async () => {
    const { timeline = [], mediaFetch } = engine.book.status(KEY);
    assert.ok(timeline.some((e) => e.kind === 'http-iso' && e.text.endsWith('asked for by 127.0.0.1')));
    assert.equal(timeline.filter((e) => e.kind === 'http-iso-whole').length, 1);
    assert.deepEqual([mediaFetch?.attempt, mediaFetch?.percent], [3, 100]);
  });

  it('is for who knows the URL, as long as this very boot is awaited', async () => {
    const forged = (path: string) => fetch(url.replace(/\/media\/.*$/, path)).then((r) => r.status);
    const [, , , , , attempt = '', segment = '', file = ''] = url.split('/');
    assert.equal(await forged(`/media/lab/${Number(attempt) + 1}/${segment}/${file}`), 403);
    assert.equal(await forged(`/media/lab/${attempt}/${segment}/other.iso`), 403);
    assert.equal(
      await forged(`/media/lab/${attempt}/${segment.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A'))}/${file}`),
      403,
    );
    assert.equal(await forged(`/media/lab/${attempt}/nothing/${file}`), 403);
    const late = engine.signer.segment(mediaScope(host, 3), Date.now() - 5000);
    assert.equal(await forged(`/media/lab/3/${late}/${file}`), 410);
    for (const patch of [{ boot: { intent: 'disk' as const, since: SINCE } }, { attempt: 4 }]) {
      const before = engine.book.status(KEY);
      await engine.book.update(KEY, () => patch);
      assert.equal((await get()).status, 410);
      await engine.book.update(KEY, () => ({ boot: before.boot, attempt: before.attempt }));
    }
    assert.equal((await get('bytes=0-0')).status, 206);
  });

  it('is the same after a restart, and another for another attempt', async () => {
    const [status, before] = [engine.book.status(KEY), await get()];
    await engine.kill();
    engine = await Engine.start(world);
    assert.equal(await engine.media.url(host, status), url);
    const after = await get();
    assert.equal(after.headers.get('etag'), before.headers.get('etag'));
    assert.ok(after.body.equals(copy));
    const next = await engine.media.content(host, { ...status, attempt: 4 });
    assert.notEqual(next.etag, before.headers.get('etag'));
  });
});

const INFO = {
  file: 'ramdisk.iso',
  bytes: 4096,
  sha256: 'x',
  arguments: { offset: 0, bytes: 64 },
  host: { offset: 1024, bytes: 1024 },
} as const;
const SETTINGS = {
  agentServer: 'https://h',
  fingerprint: 'f',
  token: 't',
  bootMac: undefined,
  kernelArguments: '',
  networkData: undefined,
};

describe('the parts of one machine', () => {
  it('keep what a person wrote from being a command of GRUB', () => {
    const { patches } = isoContent(INFO, { ...SETTINGS, kernelArguments: "a='b $c\n; halt" });
    const text = Buffer.from(patches[0]?.data ?? []).toString();
    assert.equal(text.trimEnd(), String.raw`set arguments='a='\''b $c ; halt'`);
    assert.equal(text.length, 64);
  });

  it('are refused when they do not fit', () => {
    const refused = (more: object) =>
      assert.throws(
        () => isoContent(INFO, { ...SETTINGS, ...more }),
        (e) => errorCode(e) === 'BOOT_ISO_TOO_SMALL',
      );
    refused({ kernelArguments: 'x'.repeat(60) });
    refused({ networkData: { text: 'x'.repeat(1024) } });
  });

  it('need an ISO', async () => {
    const media = new RamdiskMedia({ iso: undefined } as unknown as ConstructorParameters<typeof RamdiskMedia>[0]);
    await assert.rejects(
      async () => media.url({ metadata: { name: 'n' } } as BareMetalHost, {}),
      (e) => errorCode(e) === 'BOOT_ISO_MISSING',
    );
  });
});

describe('where a BMC fetches and a ramdisk finds us', () => {
  const host = {} as BareMetalHost;
  const at = (boot: 'virtual-media' | 'uefi-http', more: object = {}) =>
    mediaBases(host, {
      media: undefined,
      ramdisk: undefined,
      bootNetwork: undefined,
      ports: () => ({ http: 80, agent: 443 }),
      bmcOf: () => ({ boot, host: 'bmc' }),
      towards: () => Promise.resolve('10.1.0.1'),
      ...more,
    });

  it('is the address on the way to the BMC, unless there is a boot network or it was configured', async () => {
    assert.deepEqual(await at('virtual-media'), { http: 'http://10.1.0.1:80', agent: 'https://10.1.0.1:443' });
    const bootNetwork = '10.2.0.1';
    assert.deepEqual(await at('virtual-media', { bootNetwork }), {
      http: 'http://10.1.0.1:80',
      agent: 'https://10.2.0.1:443',
    });
    // Firmware fetches over the card it boots from.
    assert.deepEqual(await at('uefi-http', { bootNetwork }), {
      http: 'http://10.2.0.1:80',
      agent: 'https://10.2.0.1:443',
    });
    const configured = { bootNetwork, media: '10.3.0.1', ramdisk: '10.4.0.1' };
    assert.deepEqual(await at('virtual-media', configured), {
      http: 'http://10.3.0.1:80',
      agent: 'https://10.4.0.1:443',
    });
  });

  it('is of IPv6, in brackets, where the way to the BMC is', async () => {
    const towards = () => Promise.resolve('fd00::1');
    const http = 'http://[fd00::1]:80';
    assert.deepEqual(await at('virtual-media', { towards }), { http, agent: 'https://[fd00::1]:443' });
    const both = await at('virtual-media', { towards, bootNetwork: '10.2.0.1' });
    assert.deepEqual(both, { http, agent: 'https://10.2.0.1:443' });
    const configured = await at('virtual-media', { media: 'fd00::2', ramdisk: 'fd00::3' });
    assert.deepEqual(configured, { http: 'http://[fd00::2]:80', agent: 'https://[fd00::3]:443' });
  });

  it('is asked for where it cannot be known', async () => {
    const unknown = (e: unknown) => errorCode(e) === 'BOOT_MEDIA_ADDRESS';
    await assert.rejects(at('virtual-media', { towards: () => Promise.resolve('127.0.0.1') }), unknown);
    await assert.rejects(at('virtual-media', { towards: () => Promise.resolve('::1') }), unknown);
    await assert.rejects(at('virtual-media', { towards: () => Promise.resolve('fe80::1%eth0') }), unknown);
    await assert.rejects(at('virtual-media', { towards: () => Promise.reject(new Error('ENETUNREACH')) }), unknown);
    const local = { towards: () => Promise.resolve('127.0.0.1'), ramdisk: '10.4.0.1' };
    assert.deepEqual(await at('virtual-media', local), { http: 'http://127.0.0.1:80', agent: 'https://10.4.0.1:443' });
  });

  it('is read from the routing table, without a packet', async () => {
    assert.equal(await localAddressTowards('127.0.0.9'), '127.0.0.1');
  });
});
