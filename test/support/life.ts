/** Steps of a host's life, each proved from the outside: by the machine's own system, by what is on its disk. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import { diskSignatures, fileSystemsAt, partitionOffsets } from '../../hack/story/proof.ts';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import type { FullLab } from './full-lab.ts';
import { until } from './lab.ts';

/**
 * Gives an available host an image of the lab (one of images/demo-os/tiny), waits until it is provisioned and until its
 * system has called back with its uid, its name, the firmware that booted it and a value out of the user data.
 * @param config what else goes on the config drive
 */
export async function provisionAndCallBack(
  lab: FullLab,
  name: string,
  image: string,
  config: { metaData?: string; networkData?: string } = {},
): Promise<{ host: BareMetalHost; userData: string }> {
  const web = lab.image(image);
  const value = randomBytes(6).toString('hex');
  const userData = `#cloud-config\n# ingot-callback: ${web.callbackUrl}\n# ingot-value: ${value}\n`;
  const stringData = { userData, ...config };
  const metadata = { name: `${name}-config`, namespace: 'default' };
  await lab.kubectl.apply(stringify({ apiVersion: 'v1', kind: 'Secret', metadata, stringData }));
  const references = Object.fromEntries(Object.keys(stringData).map((key) => [key, metadata]));
  await lab.patch(name, { image: lab.spec(image), ...references });
  const host = await lab.untilState(name, 'provisioned', 200);
  assert.equal(host.status?.provisioning.image?.url, web.url);
  await until('the call back', 90, () => web.callbacks.some((c) => c['value'] === value));
  const call = web.callbacks.find((c) => c['value'] === value);
  const { firmware } = lab.machine(name);
  assert.deepEqual(call, { uuid: host.metadata.uid, hostname: name, value, firmware, os: 'tiny' });
  return { host, userData };
}

/** Takes the image away again, waits until the host is available, and looks for what was on its disk. */
export async function deprovisionAndFindWiped(lab: FullLab, name: string): Promise<BareMetalHost> {
  const disk = lab.disk(name);
  const offsets = await partitionOffsets(disk);
  const had = [...(await diskSignatures(disk)), ...(await fileSystemsAt(disk, offsets))];
  assert.ok(had.includes('primary GPT') && had.includes('backup GPT'), had.join(', '));
  assert.ok(had.some((s) => s.startsWith('vfat at')) && had.some((s) => s.startsWith('iso9660 at')), had.join(', '));
  await lab.patch(name, { image: null, userData: null, metaData: null, networkData: null });
  const host = await lab.untilState(name, 'available', 180);
  assert.deepEqual([...(await diskSignatures(disk)), ...(await fileSystemsAt(disk, offsets))], []);
  assert.equal(host.status?.provisioning.image?.url ?? '', '');
  return host;
}
