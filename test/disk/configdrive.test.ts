import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { buildConfigDrive, configDriveFiles } from '../../src/disk/configdrive.ts';
import { diskErrors } from '../../src/disk/errors.ts';
import { buildIso } from '../../src/disk/iso9660.ts';
import { utf8Bytes } from '../../src/wire/hex.ts';
import { readIso } from './iso-reader.ts';

const host = { uid: 'f0b1', namespace: 'lab', name: 'node-0' };
const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('utf8');

describe('config drive', () => {
  it('has the layout and default keys of Metal3, the user winning key by key', () => {
    const files = configDriveFiles(host, {
      userData: utf8Bytes('#cloud-config\n'),
      metaData: { providerid: 'x', name: 'mine', nested: { a: 1 } },
      networkData: { links: [] },
    });
    assert.deepEqual([...files.keys()].sort(), [
      'openstack/2012-08-10/meta_data.json',
      'openstack/2012-08-10/network_data.json',
      'openstack/2012-08-10/user_data',
      'openstack/latest/meta_data.json',
      'openstack/latest/network_data.json',
      'openstack/latest/user_data',
    ]);
    assert.deepEqual(JSON.parse(text(files.get('openstack/latest/meta_data.json'))), {
      uuid: 'f0b1',
      'metal3-namespace': 'lab',
      'metal3-name': 'node-0',
      'local-hostname': 'node-0',
      local_hostname: 'node-0',
      name: 'mine',
      providerid: 'x',
      nested: { a: 1 },
    });
  });

  it('leaves out what is empty', () => {
    for (const networkData of [undefined, null, '', {}, []]) {
      const files = configDriveFiles(host, { userData: new Uint8Array(0), metaData: {}, networkData });
      assert.deepEqual([...files.keys()].sort(), [
        'openstack/2012-08-10/meta_data.json',
        'openstack/latest/meta_data.json',
      ]);
    }
  });

  it('is refused when it cannot fit into 64 MiB', () => {
    const files = new Map([['big', new Uint8Array(64 << 20)]]);
    assert.throws(
      () => buildConfigDrive(files, 0),
      (e) => diskErrors.is(e, 'DISK_CONFIG_DRIVE_TOO_LARGE'),
    );
  });
});

describe('ISO 9660', () => {
  const at = Date.UTC(2026, 4, 6, 7, 8, 9);

  it('is the same bytes for the same input, a whole number of sectors', () => {
    const files = configDriveFiles(host, { userData: undefined, metaData: {}, networkData: undefined });
    const iso = buildConfigDrive(files, at);
    assert.deepEqual(iso, buildConfigDrive(files, at));
    assert.equal(iso.length % 2048, 0);
  });

  it('keeps one copy of equal files', () => {
    const blob = new Uint8Array(100_000).fill(7);
    const one = buildIso(new Map([['a/x', blob]]), 'l', at);
    const two = buildIso(
      new Map([
        ['a/x', blob],
        ['a/y', blob.slice()],
      ]),
      'l',
      at,
    );
    assert.equal(two.length, one.length);
  });

  it('carries any tree, by Rock Ridge and by Joliet', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._ +~äß-]{0,40}$/);
    const tree = fc.dictionary(
      fc.tuple(fc.constantFrom('', 'openstack/', 'openstack/latest/', 'Deep/er/still/'), name).map(([d, n]) => d + n),
      fc.uint8Array({ maxLength: 5000 }),
      { maxKeys: 60 },
    );
    fc.assert(
      fc.property(tree, (files) => {
        const map = new Map(
          Object.entries(files).filter(
            ([n]) => !['openstack', 'Deep', 'latest'].includes(n) && n !== 'openstack/latest',
          ),
        );
        const iso = buildIso(map, 'config-2', at);
        for (const face of ['rock-ridge', 'joliet'] as const) {
          const back = readIso(iso, face);
          assert.equal(back.label, 'config-2');
          assert.deepEqual([...back.files.keys()].sort(), [...map.keys()].sort());
          for (const [path, bytes] of map) assert.deepEqual(back.files.get(path), bytes);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('refuses names it cannot carry', () => {
    for (const path of ['', 'a//b', '../x', 'a/..', 'x'.repeat(65), 'a:b', 'q\u0001']) {
      assert.throws(
        () => buildIso(new Map([[path, new Uint8Array(1)]]), 'l', at),
        (e) => diskErrors.is(e, 'DISK_CONFIG_DRIVE_NAME'),
        path,
      );
    }
    const clash = new Map([
      ['a', new Uint8Array(1)],
      ['a/b', new Uint8Array(1)],
    ]);
    assert.throws(
      () => buildIso(clash, 'l', at),
      (e) => diskErrors.is(e, 'DISK_CONFIG_DRIVE_NAME'),
    );
  });
});
