import { stringify } from 'yaml';
import { systemClock } from '../../src/core/clock.ts';
import { Deadline } from '../../src/core/deadline.ts';
import { readConsole, waitForConsole } from '../../src/sim/console-log.ts';
import { hostManifestsYaml } from '../../src/sim/lab-manifests.ts';
import type { LabHost } from '../../src/sim/lab.ts';
import type { MachineObservation } from '../../src/sim/machine.ts';
import type { Display } from './display.ts';
import { diskSignatures, fileSystemsAt, partitionOffsets } from './proof.ts';
import { type Stage, nonce } from './stage.ts';
import { demoUserData } from './user-data.ts';

/** Generous: four times what a slow machine without KVM needs. A wait that runs out says what was seen. */
const WAIT_SECONDS = { available: 400, external: 60, provisioned: 500, callback: 240, deprovisioned: 400, off: 240 };

/** Secret and BareMetalHost for every machine, until they are available. */
export async function enrol(stage: Stage, display: Display): Promise<void> {
  for (const host of stage.hosts) {
    display.say(`$ kubectl apply -f ${host.name}.yaml        # Secret and BareMetalHost, ${host.bmcAddress}`);
    await stage.kubectl.apply(hostManifestsYaml(host));
  }
  await each(stage.hosts, (host) =>
    stage.follower.until(host.name, 'available', WAIT_SECONDS.available, (h) => state(h) === 'available'),
  );
}

/** Enrols the machine that is running already, and remembers how it was found. */
export async function enrolExisting(stage: Stage, display: Display): Promise<MachineObservation> {
  const { existing, kubectl, follower } = stage;
  await stage.existingUp;
  const before = existing.machine.observe();
  display.say(`$ kubectl apply -f ${existing.name}.yaml      # externallyProvisioned: true, running`);
  await kubectl.apply(hostManifestsYaml(existing, { externallyProvisioned: true }));
  await follower.until(existing.name, 'externally provisioned', WAIT_SECONDS.external, (h) => {
    return state(h) === 'externally provisioned' && h.status?.poweredOn === true;
  });
  return before;
}

/** @throws when the running machine was touched in any way that can be seen from outside */
export function assertUndisturbed(host: LabHost, before: MachineObservation): void {
  const now = host.machine.observe();
  for (const key of ['power', 'boots', 'powerOns', 'pid', 'poweredOnAt'] as const)
    if (now[key] !== before[key]) throw new Error(`${host.name} was disturbed: ${key} ${before[key]} → ${now[key]}`);
}

export interface Callback {
  uuid: string;
  hostname: string;
  seconds: number;
}

/** Sets image and user data; until every machine has called back from its own operating system. */
export async function provision(stage: Stage, display: Display): Promise<Record<string, Callback>> {
  const { kubectl, follower, web, image, hosts } = stage;
  const values = new Map(hosts.map((host) => [host.name, nonce()]));
  for (const host of hosts) {
    const userData = demoUserData(web.callbackUrl, values.get(host.name) ?? '');
    const metadata = { name: `${host.name}-user-data`, namespace: 'default' };
    await kubectl.apply(stringify({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { userData } }));
    const spec = {
      image: { url: web.imageUrl, checksum: image.sha256, checksumType: 'sha256', format: 'qcow2' },
      userData: { name: metadata.name, namespace: metadata.namespace },
    };
    display.say(`$ kubectl patch bmh ${host.name} --type merge -p '{"spec":{"image":…,"userData":…}}'`);
    await kubectl.run(['patch', 'bmh', host.name, '--type', 'merge', '-p', JSON.stringify({ spec })]);
  }
  const callbacks: Record<string, Callback> = {};
  await each(hosts, async (host) => {
    await follower.until(host.name, 'provisioned', WAIT_SECONDS.provisioned, (h) => state(h) === 'provisioned');
    const since = performance.now();
    callbacks[host.name] = await heardFrom(stage, host, values.get(host.name) ?? '', since);
    display.say(`${host.name}: its operating system called back: uuid, host name and user data are right`);
  });
  return callbacks;
}

async function heardFrom(stage: Stage, host: LabHost, value: string, since: number): Promise<Callback> {
  const uid = stage.follower.host(host.name)?.metadata.uid;
  const { events } = stage.web;
  const heard = () => events.find((e) => e.event === 'callback' && e.body['value'] === value);
  await stage.follower.until(host.name, 'its call back', WAIT_SECONDS.callback, () => heard() !== undefined);
  const event = heard();
  if (event?.event !== 'callback') throw new Error('unreachable: a call back was heard');
  const { uuid, hostname, firmware } = event.body;
  if (uuid !== uid)
    throw new Error(`${host.name} called back with uuid ${String(uuid)}, its object has ${String(uid)}`);
  if (hostname !== host.name) throw new Error(`${host.name} called back as ${String(hostname)}`);
  if (firmware !== host.firmware) throw new Error(`${host.name} booted by ${String(firmware)}`);
  const seconds = (performance.now() - since) / 1000;
  using deadline = new Deadline(systemClock, `console of ${host.name}`, 10_000);
  await waitForConsole(host.consolePath, new RegExp(`DISK-BOOTED[^]*value=${value}`), { clock: systemClock, deadline });
  return { uuid: String(uuid), hostname, seconds };
}

/** Removes the image; until the disks are proven empty and the hosts are available again. */
export async function deprovision(stage: Stage, display: Display): Promise<void> {
  const { kubectl, follower, hosts } = stage;
  const offsets = new Map<string, number[]>();
  await each(hosts, async (host) => {
    const disk = host.diskPaths[0] ?? '';
    offsets.set(host.name, await partitionOffsets(disk));
    const found = [...(await diskSignatures(disk)), ...(await fileSystemsAt(disk, offsets.get(host.name) ?? []))];
    if (!found.includes('primary GPT')) throw new Error(`${host.name}: no partition table on the disk before wiping`);
    display.say(`${host.name}: before wiping, its disk has ${found.join(', ')}`);
    display.say(`$ kubectl patch bmh ${host.name} --type merge -p '{"spec":{"image":null,"userData":null}}'`);
    const spec = { image: null, userData: null };
    await kubectl.run(['patch', 'bmh', host.name, '--type', 'merge', '-p', JSON.stringify({ spec })]);
  });
  await each(hosts, async (host) => {
    await follower.until(host.name, 'available', WAIT_SECONDS.deprovisioned, (h) => state(h) === 'available');
    const disk = host.diskPaths[0] ?? '';
    const left = [...(await diskSignatures(disk)), ...(await fileSystemsAt(disk, offsets.get(host.name) ?? []))];
    if (left.length > 0) throw new Error(`${host.name}: the disk still has ${left.join(', ')}`);
    display.say(`${host.name}: the disk has no partition table and no file system any more`);
  });
}

/** `online: false` is obeyed, and the machine really is off. */
export async function powerOff(stage: Stage, display: Display): Promise<void> {
  await each(stage.hosts, async (host) => {
    display.say(`$ kubectl patch bmh ${host.name} --type merge -p '{"spec":{"online":false}}'`);
    await stage.kubectl.run(['patch', 'bmh', host.name, '--type', 'merge', '-p', '{"spec":{"online":false}}']);
  });
  await each(stage.hosts, async (host) => {
    await stage.follower.until(host.name, 'power off', WAIT_SECONDS.off, (h) => h.status?.poweredOn === false);
    if (host.machine.observe().power !== 'off') throw new Error(`${host.name} is reported off and is on`);
  });
}

/** The end of every machine's console, for a report of what went wrong. */
export async function consoleTails(hosts: readonly LabHost[]): Promise<string> {
  const tails = await each(hosts, async (host) => {
    const { text } = await readConsole(host.consolePath);
    return `--- console of ${host.name}\n${text.split('\n').slice(-15).join('\n')}`;
  });
  return tails.join('\n');
}

function state(host: { status?: { provisioning: { state: string } } }): string {
  return host.status?.provisioning.state ?? '';
}

function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  return Promise.all(items.map(work));
}
