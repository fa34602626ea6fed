import assert from 'node:assert/strict';
import { mkdir, open, readdir, truncate, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { silentLogger } from '../../src/core/log.ts';
import { ImageCache, type ImageCacheOptions, type ImageProgress, type ImageRequest } from '../../src/image/cache.ts';
import { evictions } from '../../src/image/cache-dir.ts';
import { imageErrors } from '../../src/image/errors.ts';
import { decodeFrame } from '../../src/image/frame-codec.ts';
import type { ImageManifest } from '../../src/image/manifest-types.ts';
import { frameLength } from '../../src/image/manifest.ts';
import { quickClock, sampleRaw, sha256, type TestServer, withServer, withTempDir } from './support.ts';

const raw = sampleRaw();
const signal = new AbortController().signal;

async function withCache(
  use: (cache: ImageCache, dir: string) => Promise<void>,
  options: Partial<ImageCacheOptions> = {},
): Promise<void> {
  await withTempDir(async (dir) => {
    const cache = new ImageCache({
      dir: join(dir, 'cache'),
      clock: quickClock,
      log: silentLogger,
      random: Math.random,
      ...options,
    });
    try {
      await use(cache, dir);
    } finally {
      await cache.close();
    }
  });
}

/** Unpacks what an agent would get. */
async function unpack(cache: ImageCache, manifest: ImageManifest): Promise<Uint8Array> {
  const out = new Uint8Array(manifest.diskBytes);
  for (const [i, frame] of manifest.frames.entries()) {
    const zstd = await cache.frame(manifest.digest, i);
    assert.equal(zstd === undefined, frame.kind !== 'data');
    if (frame.kind === 'data' && zstd !== undefined) {
      out.set(await decodeFrame(frame, frameLength(manifest, i), zstd), i * manifest.frameBytes);
    }
  }
  return out;
}

function sameDisk(got: Uint8Array, want: Uint8Array): void {
  assert.equal(Buffer.compare(got.subarray(0, want.length), want), 0);
  assert.ok(got.subarray(want.length).every((b) => b === 0) && got.length - want.length < 512);
}

const serve = (files: Record<string, Uint8Array | string>) => (use: (server: TestServer) => Promise<void>) =>
  withServer((request, response) => {
    const body = files[(request.url ?? '').split('?')[0] ?? ''];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  }, use);

async function fails(
  cache: ImageCache,
  request: ImageRequest,
  code: keyof typeof imageErrors.specs,
  message: RegExp,
): Promise<void> {
  await assert.rejects(cache.prepare(request, { signal }), (e) => {
    assert.ok(imageErrors.is(e, code), String(e));
    assert.match(e.message, message);
    assert.doesNotMatch(e.toString(), /hunter2|secretquery/);
    return true;
  });
}

describe('image cache', () => {
  it('takes a local file: frames, zeros, the last sector filled', async () => {
    await withCache(async (cache, dir) => {
      const path = join(dir, 'os.raw');
      await writeFile(path, raw);
      const { manifest } = await cache.prepare(
        { url: `file://${path}`, checksum: sha256(raw), format: 'raw' },
        { signal },
      );
      assert.deepEqual(
        manifest.frames.map((f) => f.kind),
        ['data', 'zero', 'data'],
      );
      assert.equal(manifest.diskBytes, 9 * (1 << 20) + 1024);
      sameDisk(await unpack(cache, manifest), raw);
    });
  });

  it('takes every compression, and gives the same image for each', async () => {
    const files = { '/a.gz': gzipSync(raw), '/b': zstdCompressSync(raw), '/c.raw': raw };
    await serve(files)(async (server) => {
      await withCache(async (cache) => {
        const digests = new Set<string>();
        for (const [path, body] of Object.entries(files)) {
          const { digest, manifest } = await cache.prepare(
            { url: server.url + path, checksum: sha256(body) },
            { signal },
          );
          digests.add(digest);
          sameDisk(await unpack(cache, manifest), raw);
        }
        assert.equal(digests.size, 1);
      });
    });
  });

  it('works once for the same request, at the same time and later, also after a restart', async () => {
    await serve({ '/os.raw': raw })(async (server) => {
      await withCache(async (cache, dir) => {
        const request = { url: `${server.url}/os.raw`, checksum: sha256(raw) };
        const steps = new Set<string>();
        const [a, b] = await Promise.all([
          cache.prepare(request, { signal, onProgress: (p) => steps.add(p.step) }),
          cache.prepare(request, { signal }),
        ]);
        assert.equal(a.digest, b.digest);
        await cache.prepare(request, { signal });
        const again = new ImageCache({
          dir: join(dir, 'cache'),
          clock: quickClock,
          log: silentLogger,
          random: Math.random,
        });
        assert.equal((await again.prepare(request, { signal })).digest, a.digest);
        await again.close();
        assert.equal(server.requests.length, 1);
        assert.deepEqual([...steps], ['downloading', 'converting']);
        assert.deepEqual(await readdir(join(dir, 'cache/tmp')), []);
      });
    });
  });

  it('follows the sums file, and fetches anew when it names another digest', async () => {
    const files: Record<string, Uint8Array | string> = {
      '/os.raw': raw,
      '/SUMS': `# x\n${sha256(raw)} *os.raw\n${'0'.repeat(64)}  other\n`,
    };
    await serve(files)(async (server) => {
      await withCache(async (cache) => {
        const request = { url: `${server.url}/os.raw?v=1`, checksum: `${server.url}/SUMS` };
        const first = await cache.prepare(request, { signal });
        const next = raw.slice();
        next[5] = 99;
        files['/os.raw'] = next;
        files['/SUMS'] = `SHA256 (os.raw) = ${sha256(next).toUpperCase()}`;
        const second = await cache.prepare(request, { signal });
        assert.notEqual(first.digest, second.digest);
      });
    });
  });

  it('continues a broken download where it broke', async () => {
    let current: ServerResponse | undefined;
    const cuts = [2_000_000, 5_000_000];
    await withServer(
      (request, response) => {
        current = response;
        const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
        const headers = { etag: '"v1"', 'content-length': raw.length - from };
        const range = { 'content-range': `bytes ${from}-${raw.length - 1}/${raw.length}` };
        response.writeHead(from > 0 ? 206 : 200, from > 0 ? { ...headers, ...range } : headers);
        if (cuts.length > 0) response.write(raw.subarray(from, from + 3_500_000));
        else response.end(raw.subarray(from));
      },
      async (server) => {
        await withCache(async (cache) => {
          const onProgress = (p: ImageProgress) => {
            if (p.step !== 'downloading' || p.bytesDone < (cuts[0] ?? Infinity)) return;
            cuts.shift();
            current?.destroy();
          };
          const request = { url: `${server.url}/os.raw`, checksum: sha256(raw) };
          const { manifest } = await cache.prepare(request, { signal, onProgress });
          sameDisk(await unpack(cache, manifest), raw);
          const starts = server.requests.map((r) => Number(/^bytes=(\d+)-$/.exec(r.range ?? 'bytes=0-')?.[1]));
          assert.equal(starts.length, 3);
          assert.ok(starts[0] === 0 && starts[1]! >= 2_000_000 && starts[2]! >= 5_000_000, starts.join());
        });
      },
    );
  });

  it('drops a damaged copy and makes it again', async () => {
    await serve({ '/os.raw': raw })(async (server) => {
      await withTempDir(async (dir) => {
        const options = { dir, clock: quickClock, log: silentLogger, random: Math.random };
        const request = { url: `${server.url}/os.raw`, checksum: sha256(raw) };
        const first = new ImageCache(options);
        const { digest } = await first.prepare(request, { signal });
        await first.close();
        await truncate(join(dir, 'images', digest.slice(7), 'frames.zst'), 100);
        const second = new ImageCache(options);
        const { manifest } = await second.prepare(request, { signal });
        sameDisk(await unpack(second, manifest), raw);
        assert.equal(server.requests.length, 2);
        await second.close();
      });
    });
  });

  it('finds a rotten frame when asked to look, and makes the image again', async () => {
    await serve({ '/os.raw': raw })(async (server) => {
      await withCache(async (cache, dir) => {
        const request = { url: `${server.url}/os.raw`, checksum: sha256(raw) };
        const { digest } = await cache.prepare(request, { signal });
        assert.equal(await cache.recheck(digest, signal), true);
        const frames = await open(join(dir, 'cache/images', digest.slice(7), 'frames.zst'), 'r+');
        await frames.write(Uint8Array.of(0xff, 0xff, 0xff), 0, 3, 200);
        await frames.close();
        assert.equal(await cache.recheck(digest, signal), false);
        assert.equal(await cache.frame(digest, 0), undefined);
        sameDisk(await unpack(cache, (await cache.prepare(request, { signal })).manifest), raw);
        assert.equal(server.requests.length, 2);
      });
    });
  });

  it('throws away what a killed process left half done', async () => {
    await withTempDir(async (dir) => {
      await mkdir(join(dir, 'tmp/pack-x'), { recursive: true });
      await writeFile(join(dir, 'tmp/pack-x/frames.zst'), 'half');
      const cache = new ImageCache({ dir, clock: quickClock, log: silentLogger, random: Math.random });
      assert.equal(await cache.manifest(`sha256:${'0'.repeat(64)}`), undefined);
      assert.deepEqual(await readdir(join(dir, 'tmp')), []);
      await cache.close();
    });
  });

  it('stops when the last caller has gone, and not before', async () => {
    let served = 0;
    await withServer(
      (_request, response) => {
        served++;
        response.writeHead(200, { 'content-length': 1 << 30 });
        response.write(raw);
      },
      async (server) => {
        await withCache(async (cache, dir) => {
          const one = new AbortController();
          const two = new AbortController();
          const request = { url: `${server.url}/slow.raw`, checksum: sha256(raw) };
          const started = Promise.withResolvers<void>();
          const a = cache.prepare(request, { signal: one.signal, onProgress: () => started.resolve() });
          const b = cache.prepare(request, { signal: two.signal });
          await started.promise;
          one.abort(new Error('first went away'));
          await assert.rejects(a, /first went away/);
          two.abort(new Error('second too'));
          await assert.rejects(b, /second too/);
          assert.equal(served, 1);
          for (let i = 0; i < 100 && (await readdir(join(dir, 'cache/tmp'))).length > 0; i++) {
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
          assert.deepEqual(await readdir(join(dir, 'cache/tmp')), []);
        });
      },
    );
  });

  it('drops the image used least recently, never one in use', () => {
    const images = [
      { digest: 'a', bytes: 40, usedMs: 1 },
      { digest: 'b', bytes: 40, usedMs: 2 },
      { digest: 'c', bytes: 40, usedMs: 3 },
    ];
    assert.deepEqual(evictions(images, 120, new Set()), []);
    assert.deepEqual(evictions(images, 100, new Set()), ['a']);
    assert.deepEqual(evictions(images, 50, new Set(['a'])), ['b', 'c']);
  });

  it('sends the user and password of the URL, and shows neither', async () => {
    await serve({ '/os.raw': raw })(async (server) => {
      await withCache(async (cache) => {
        const url = `${server.url.replace('//', '//me:hunter2@')}/gone.raw?secretquery=1`;
        await fails(
          cache,
          { url, checksum: sha256(raw) },
          'IMAGE_NOT_FOUND',
          /^spec\.image\.url: http.*\/gone\.raw\?… is not there \(HTTP 404\)/,
        );
        assert.equal(server.requests[0]?.authorization, `Basic ${btoa('me:hunter2')}`);
      });
    });
  });
});

describe('what the image cache refuses', () => {
  it('a checksum that does not fit, saying both', async () => {
    await serve({ '/os.raw': raw })(async (server) => {
      await withCache(async (cache) => {
        const wrong = 'ab'.repeat(32);
        await fails(
          cache,
          { url: `${server.url}/os.raw`, checksum: wrong },
          'IMAGE_CHECKSUM_MISMATCH',
          new RegExp(`${sha256(raw)}.*spec\\.image\\.checksum says ${wrong}`),
        );
      });
    });
  });

  it('a download that stays cut short', async () => {
    await withServer(
      (_q, response) => {
        response.writeHead(200, { 'content-length': raw.length });
        response.write(raw.subarray(0, 1000), () => setTimeout(() => response.destroy(), 5));
      },
      async (server) => {
        await withCache(async (cache) => {
          await fails(
            cache,
            { url: `${server.url}/os.raw`, checksum: sha256(raw) },
            'IMAGE_TRUNCATED',
            /ended after \d+ of 9437884 bytes/,
          );
          assert.equal(server.requests.length, 6);
        });
      },
    );
  });

  it('content of another format than the user says, and formats nobody can read', async () => {
    const vmdk = new Uint8Array(4096);
    vmdk.set(Buffer.from('KDMV'));
    await serve({ '/os.qcow2': raw, '/os.vmdk': vmdk })(async (server) => {
      await withCache(async (cache) => {
        await fails(
          cache,
          { url: `${server.url}/os.qcow2`, checksum: sha256(raw), format: 'qcow2' },
          'IMAGE_FORMAT_MISMATCH',
          /spec\.image\.format is qcow2, but .* is raw/,
        );
        await fails(
          cache,
          { url: `${server.url}/os.vmdk`, checksum: sha256(vmdk) },
          'IMAGE_FORMAT_UNSUPPORTED',
          /vmdk/,
        );
      });
    });
  });

  it('damaged archives, empty images, images beyond the limit', async () => {
    const cut = gzipSync(raw).subarray(0, 1000);
    const bomb = gzipSync(new Uint8Array(20 << 20));
    const empty = new Uint8Array(0);
    await serve({ '/cut.gz': cut, '/bomb.gz': bomb, '/empty': empty })(async (server) => {
      await withCache(
        async (cache) => {
          const get = (path: string, body: Uint8Array) => ({ url: server.url + path, checksum: sha256(body) });
          await fails(
            cache,
            get('/cut.gz', cut),
            'IMAGE_DECOMPRESS_FAILED',
            /^spec\.image\.url: http.*\/cut\.gz: .*gzip/,
          );
          await fails(cache, get('/bomb.gz', bomb), 'IMAGE_TOO_LARGE', /more than 10485760 bytes/);
          await fails(cache, get('/empty', empty), 'IMAGE_EMPTY', /no bytes/);
        },
        { maxImageBytes: 10 << 20 },
      );
    });
  });

  it('a qcow2 image that lies about its size', async () => {
    const lie = new Uint8Array(65536);
    lie.set([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 2]);
    new DataView(lie.buffer).setUint32(20, 16);
    new DataView(lie.buffer).setUint32(24, 0x00ffffff);
    await serve({ '/os.qcow2': lie })(async (server) => {
      await withCache(async (cache) => {
        await fails(
          cache,
          { url: `${server.url}/os.qcow2`, checksum: sha256(lie) },
          'IMAGE_QCOW2_INVALID',
          /^spec\.image\.url: .*os\.qcow2.*disk size is/,
        );
      });
    });
  });

  it('missing files, folders, odd URLs, missing and odd checksums', async () => {
    await withCache(async (cache, dir) => {
      const checksum = sha256(raw);
      await fails(cache, { url: join(dir, 'none'), checksum }, 'IMAGE_NOT_FOUND', /cannot be opened/);
      await fails(cache, { url: dir, checksum }, 'IMAGE_NOT_FOUND', /not a regular file/);
      await fails(
        cache,
        { url: 'ftp://me:hunter2@x/y', checksum },
        'IMAGE_URL_INVALID',
        /spec\.image\.url "ftp:\/\/x\/y"/,
      );
      for (const url of ['file://other/y', 'file:///a%2fb', 'http://', 'nonsense']) {
        await fails(cache, { url, checksum }, 'IMAGE_URL_INVALID', /spec\.image\.url/);
      }
      await fails(cache, { url: '/x', checksum: 'https://' }, 'IMAGE_CHECKSUM_INVALID', /spec\.image\.checksum/);
      await fails(cache, { url: '/x' }, 'IMAGE_NO_CHECKSUM', /spec\.image\.checksum/);
      await fails(cache, { url: '/x', checksum: 'abc' }, 'IMAGE_CHECKSUM_INVALID', /spec\.image\.checksum/);
      await fails(cache, { url: '/x', checksum, checksumType: 'md5' }, 'IMAGE_CHECKSUM_INVALID', /checksumType is md5/);
    });
  });

  it('an endless download, an endless sums file, a large download by its announced size', async () => {
    await withServer(
      (request, response) => {
        if (request.url === '/announced') response.writeHead(200, { 'content-length': 1 << 30 }).flushHeaders();
        else {
          const more = () => void (response.destroyed || response.write(raw, more));
          more();
        }
      },
      async (server) => {
        await withCache(
          async (cache) => {
            const checksum = sha256(raw);
            await fails(cache, { url: `${server.url}/endless`, checksum }, 'IMAGE_TOO_LARGE', /larger than/);
            await fails(cache, { url: `${server.url}/announced`, checksum }, 'IMAGE_TOO_LARGE', /larger than/);
            const sums = { url: '/x', checksum: `${server.url}/sums` };
            await fails(
              cache,
              sums,
              'IMAGE_CHECKSUM_INVALID',
              /^spec\.image\.checksum: .* too large to be a sums file/,
            );
          },
          { maxImageBytes: 20 << 20 },
        );
      },
    );
  });

  it('local files where the server does not allow them', async () => {
    await withCache(
      async (cache) => {
        for (const url of ['/etc/hostname', 'file:///etc/hostname']) {
          await fails(
            cache,
            { url, checksum: sha256(raw) },
            'IMAGE_URL_INVALID',
            /spec\.image\.url names a local file/,
          );
        }
      },
      { localFiles: false },
    );
  });

  it('a server that is not there', async () => {
    await withCache(async (cache) => {
      await fails(
        cache,
        { url: 'http://127.0.0.1:1/os.raw', checksum: sha256(raw) },
        'IMAGE_FETCH_FAILED',
        /127\.0\.0\.1:1\/os\.raw/,
      );
    });
  });
});
