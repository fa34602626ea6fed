import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { errorCode } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/log.ts';
import { type FleetOptions, startFleet } from '../../src/sim/fleet.ts';
import { hostManifestsYaml } from '../../src/sim/lab-manifests.ts';
import { PERSONALITIES, personalityNamed } from '../../src/sim/redfish/personalities/all.ts';

const doors = { clock: systemClock, random: Math.random, log: silentLogger };
const credentials = { username: 'admin', password: 'fleet-secret' };
const fleetOf = (more: Partial<FleetOptions>) =>
  startFleet({
    count: 3,
    protocol: 'both',
    personalities: PERSONALITIES,
    address: '127.0.0.1',
    firstPort: 0,
    ...credentials,
    ...doors,
    ...more,
  });

test('both protocols see the same machine', async () => {
  const fleet = await fleetOf({ count: 1, personalities: [personalityNamed('plain')] });
  const [member] = fleet.members;
  assert.ok(member);
  const signal = AbortSignal.timeout(900_000);
  const open = (address: string) => openBmc({ address, credentials, disableCertificateVerification: true, doors });
  const ipmi = open(member.ipmiAddress ?? '');
  const redfish = open(member.redfishAddress ?? '');
  try {
    await ipmi.setBootOverride({ device: 'pxe', persistence: 'once', firmware: 'uefi' }, signal);
    assert.equal(member.machine.bootOrder().device, 'network');
    await redfish.setPower('on', signal);
    assert.equal((await ipmi.powerState(signal)) === 'on', true);
    assert.equal(member.machine.boots[0]?.from, 'network');
    await ipmi.setPower('off', signal);
    assert.equal(await redfish.powerState(signal), 'off');
  } finally {
    await Promise.all([ipmi.close(), redfish.close()]);
    await fleet.close();
  }
});

test('by IPMI a machine has the maker, the address and the serial number that it has by Redfish', async () => {
  const fleet = await fleetOf({ count: PERSONALITIES.length });
  const signal = AbortSignal.timeout(120_000);
  try {
    await Promise.all(
      fleet.members.map(async (member, i) => {
        const ipmi = openBmc({
          address: member.ipmiAddress ?? '',
          credentials,
          disableCertificateVerification: false,
          doors,
        });
        try {
          const { manufacturer } = await ipmi.verify(signal);
          const id = PERSONALITIES[i]?.manufacturerId;
          if (id !== 0) assert.doesNotMatch(manufacturer ?? '', /^IANA/, `${member.personality}: ${id}`);
          const mac = member.mac.replace('52:54:00', '52:54:01');
          assert.equal((await ipmi.management?.network(signal))?.mac, mac, member.personality);
          const fru = await ipmi.frus?.fru(signal);
          assert.ok(
            fru?.some((field) => field.value === member.machine.facts.serial),
            member.personality,
          );
          // Supermicro has a number of its own for this, by which its maker's id goes.
          await ipmi.setBootOverride({ device: 'disk', persistence: 'once', firmware: 'uefi' }, signal);
          assert.equal(member.machine.bootOrder().device, 'disk', member.personality);
        } finally {
          await ipmi.close();
        }
      }),
    );
  } finally {
    await fleet.close();
  }
});

test('machines differ, personalities take turns, manifests are what Metal3 users write', async () => {
  const fleet = await fleetOf({ count: PERSONALITIES.length + 1 });
  try {
    const { members } = fleet;
    assert.equal(new Set(members.map((m) => m.mac)).size, members.length);
    assert.equal(new Set(members.map((m) => m.diskSerial)).size, members.length);
    assert.equal(members.at(-1)?.personality, members[0]?.personality);
    const fujitsu = members.find((m) => m.personality === 'fujitsu-irmc');
    assert.ok(fujitsu);
    const [, host] = parseAllDocuments(hostManifestsYaml(fujitsu)).map((d) => d.toJS());
    assert.match(host.spec.bmc.address, /^redfish:\/\/127\.0\.0\.1:\d+\/redfish\/v1\/Systems\/0$/);
    assert.equal(host.spec.bmc.disableCertificateVerification, true);
  } finally {
    await fleet.close();
  }
});

test('a port that is taken is said, and nothing is left behind', async () => {
  const fleet = await fleetOf({ count: 1, protocol: 'redfish', personalities: [personalityNamed('plain')] });
  const port = fleet.members[0]?.redfish?.port ?? 0;
  await assert.rejects(
    fleetOf({ count: 2, protocol: 'redfish', firstPort: port - 1, personalities: [personalityNamed('plain')] }),
    (error) => errorCode(error) === 'SIM_LISTEN_FAILED',
  );
  await fleet.close();
});
