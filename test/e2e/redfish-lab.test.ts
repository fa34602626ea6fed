/** A QEMU machine with two BMCs, IPMI and Redfish: one state; virtual media that its firmware boots from. */
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { exec } from '../../src/core/exec.ts';
import type { Firmware } from '../../src/sim/machine-spec.ts';
import { plain } from '../../src/sim/redfish/personalities/plain.ts';
import { type TestLab, consoleMark, ipmitool, testLab, until, waitConsole } from '../support/lab.ts';

const SYSTEM = '/redfish/v1/Systems/1';
const CD = '/redfish/v1/Managers/BMC/VirtualMedia/CD1';
const FIRMWARES: readonly Firmware[] = ['bios', 'uefi'];

describe('a lab host by Redfish and IPMI', () => {
  let lab: TestLab;
  let dir: string;
  let image: string;
  const server = createServer((request, response) => {
    if (request.url === '/cd.iso') createReadStream(join(dir, 'cd.iso')).pipe(response);
    else response.writeHead(404).end();
  });

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ingot-cd-'));
    await makeIso(dir);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    image = `http://127.0.0.1:${(server.address() as AddressInfo).port}/cd.iso`;
    lab = await testLab(FIRMWARES.map((firmware) => ({ name: firmware, firmware, memoryMiB: 256, redfish: plain })));
  });

  after(async () => {
    await lab?.close();
    server.close();
    await rm(dir, { recursive: true, force: true });
  });

  for (const [index, firmware] of FIRMWARES.entries()) {
    test(`${firmware}: inserted by Redfish, seen by IPMI, booted once, ejected`, { timeout: 300_000 }, async () => {
      const host = lab.lab.hosts[index]!;
      const base = host.redfish!.url;
      const send = async (method: string, path: string, body?: unknown) => {
        const response = await fetch(base + path, {
          method,
          headers: {
            Authorization: `Basic ${btoa(`${host.username}:${host.password}`)}`,
            'Content-Type': 'application/json',
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
        return text === '' ? {} : JSON.parse(text);
      };
      await assert.rejects(
        send('POST', `${CD}/Actions/VirtualMedia.InsertMedia`, { Image: image.replace('cd', 'missing') }),
        /400/,
      );
      await send('POST', `${CD}/Actions/VirtualMedia.InsertMedia`, { Image: image });
      const mode = firmware === 'uefi' ? 'UEFI' : 'Legacy';
      const order = { BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Once', BootSourceOverrideMode: mode };
      await send('PATCH', SYSTEM, { Boot: order });
      assert.match(await ipmitool(lab, host, 'chassis', 'bootparam', 'get', '5'), /Force Boot from CD\/DVD/);
      await ipmitool(lab, host, 'chassis', 'power', 'on');
      await until('power on by Redfish', 60, async () => (await send('GET', SYSTEM)).PowerState === 'On');
      await waitConsole(host, /CD-BOOTED/, 120);
      const spent = (await send('GET', SYSTEM)).Boot;
      assert.equal(spent.BootSourceOverrideEnabled, 'Disabled');
      // Out from under a machine that runs from it; the next start finds an empty drive and disk, and asks the network.
      await send('POST', `${CD}/Actions/VirtualMedia.EjectMedia`, {});
      const mark = await consoleMark(host);
      await send('POST', `${SYSTEM}/Actions/ComputerSystem.Reset`, { ResetType: 'ForceRestart' });
      const found = await waitConsole(host, /CD-BOOTED|net0:/, 120, mark);
      assert.doesNotMatch(found[0], /CD/);
      await send('POST', `${SYSTEM}/Actions/ComputerSystem.Reset`, { ResetType: 'ForceOff' });
      assert.match(await ipmitool(lab, host, 'chassis', 'power', 'status'), /is off/);
    });
  }
});

/** A CD for both firmwares that says so on the serial port and stops. */
async function makeIso(dir: string): Promise<void> {
  const root = join(dir, 'root');
  await mkdir(join(root, 'boot/grub'), { recursive: true });
  const script = ['serial --unit=0 --speed=115200', 'terminal_output serial', 'echo CD-BOOTED', 'sleep 3600'];
  await writeFile(join(root, 'boot/grub/grub.cfg'), `${script.join('\n')}\n`);
  await exec('grub-mkrescue', ['-o', join(dir, 'cd.iso'), root]);
}
