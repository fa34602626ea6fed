import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { unreachable } from '../../core/errors.ts';
import { simErrors } from '../errors.ts';
import type { DiskSpec, MachineSpec } from '../machine-spec.ts';
import type { Machine } from '../machine.ts';
import { fetchToFile } from './fetch-url.ts';
import { flagsOf, orderOf } from './machine-chassis.ts';
import type { BootMode, BootOrder, DriveFacts, MachineAction, MachineFacts, RedfishMachine } from './machine-door.ts';

/** Larger images are refused: the lab's disk is not the BMC's to fill. */
const MAX_IMAGE = 8 * 2 ** 30;
const FETCH_MS = 600_000;

/**
 * A QEMU machine for a Redfish BMC. Its IPMI BMC may stand beside it: the state is the machine's.
 *
 * UEFI HTTP boot of a URL is done as sushy-tools does it: the image is fetched and put in the CD drive. QEMU's firmware
 * has no place where a BMC could leave a URL.
 */
export function qemuMachine(machine: Machine): RedfishMachine {
  const { spec } = machine;
  const image = join(spec.dir, 'virtual-cd.iso');
  const mode: BootMode = spec.firmware === 'uefi' ? 'UEFI' : 'Legacy';
  let httpUri: string | undefined;
  const attach = async (url: string) => {
    await machine.ejectCd();
    await fetchToFile(url, image, MAX_IMAGE, AbortSignal.timeout(FETCH_MS));
    await machine.insertCd(image);
  };
  return {
    facts: factsOf(spec),
    power: () => (machine.observe().power === 'on' ? 'On' : 'Off'),
    // Nothing outside the guest can tell.
    posting: () => false,
    osSeen: () => machine.observe().boots > 0,
    act: (action) => act(machine, action),
    bootOrder: () => {
      const order = orderOf(machine.bootFlags());
      if (order.device === 'none' || httpUri === undefined) return order;
      return { ...order, device: 'http', httpUri };
    },
    setBootOrder: async (order: BootOrder) => {
      if (order.device === 'http' && order.httpUri !== undefined) {
        await attach(order.httpUri);
        await machine.setBootFlags(flagsOf({ ...order, device: 'cd' }), { lasting: true });
        httpUri = order.httpUri;
        return;
      }
      httpUri = undefined;
      await machine.setBootFlags(flagsOf(order), { lasting: true });
    },
    bootMode: () => mode,
    setBootMode: (wanted) =>
      wanted === mode
        ? Promise.resolve()
        : Promise.reject(simErrors.make('SIM_BOOT_DEVICE_UNSUPPORTED', `${spec.name} boots by ${mode} alone`)),
    attach,
    detach: async () => {
      await machine.ejectCd();
      await rm(image, { force: true });
    },
    watch: (listener) =>
      machine.watch((event) =>
        listener(event === 'boot' ? { kind: 'boot' } : { kind: 'power', state: event === 'on' ? 'On' : 'Off' }),
      ),
    // The lab's machine is the lab's to close.
    close: () => Promise.resolve(),
  };
}

async function act(machine: Machine, action: MachineAction): Promise<void> {
  switch (action) {
    case 'on':
      return machine.powerOn();
    case 'force-off':
      return machine.powerOff();
    case 'graceful-off':
      return machine.softOff();
    case 'force-restart':
      return machine.reset();
    case 'power-cycle':
      return machine.cycle();
    case 'nmi':
      return machine.interrupt();
    case 'graceful-restart': {
      await machine.softOff();
      const done = machine.watch((event) => {
        if (event !== 'off') return;
        done();
        // A machine that cannot start again has said so in its log.
        machine.powerOn().catch(() => {});
      });
      return;
    }
    default:
      return unreachable(action);
  }
}

function factsOf(spec: MachineSpec): MachineFacts {
  return {
    name: spec.name,
    uuid: spec.uuid,
    manufacturer: 'Ingot',
    model: 'Virtual machine',
    serial: spec.name,
    memory: [{ mib: spec.memoryMiB, speedMhz: 2400 }],
    cpus: [{ model: 'QEMU Virtual CPU', cores: spec.cpus, threads: spec.cpus, mhz: 2000 }],
    nics: spec.nics.map((nic) => ({ mac: nic.mac, model: nic.model, speedMbps: 1000 })),
    drives: spec.disks.map(driveFacts),
  };
}

function driveFacts(disk: DiskSpec, index: number): DriveFacts {
  return {
    id: `Disk${index}`,
    bytes: disk.sizeBytes,
    media: 'SSD',
    protocol: disk.model === 'nvme' ? 'NVMe' : 'SATA',
    model: disk.model,
    manufacturer: 'QEMU',
    serial: disk.serial,
  };
}
