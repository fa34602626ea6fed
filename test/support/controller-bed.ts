import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import { BARE_METAL_HOST, HOST_FIRMWARE_SETTINGS } from '../../src/api/resources.ts';
import type { Bmc } from '../../src/bmc/bmc.ts';
import type {
  BiosAttribute,
  BiosValue,
  BmcCapabilities,
  FirmwareComponent,
  MediaSlot,
} from '../../src/bmc/capabilities.ts';
import type { ControllerDoors } from '../../src/controllers/doors.ts';
import { reconcileSubscription } from '../../src/controllers/event-subscription.ts';
import { reconcileFirmware } from '../../src/controllers/firmware.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { Metrics } from '../../src/core/metrics.ts';
import { completeStatus } from '../../src/host/status.ts';
import { MemoryStore } from './memory-store.ts';

export const { signal } = new AbortController();
export const key = (name = 'node-0') => ({ namespace: 'lab', name });

/** The controllers of the smaller kinds over the embedded store, with a BMC that does as the test says. */
export class Bed {
  readonly store = new MemoryStore();
  readonly clock = new FakeClock();
  attributes: Record<string, BiosValue> = {
    Hyper: 'Off',
    Cores: 4,
    AdminPassword: '',
    Quiet: null,
    Serial: 'SN1',
    Asset: 'a',
    Fast: true,
    Secret: 'x',
  };
  registry: BiosAttribute[] = [
    { name: 'Hyper', type: 'Enumeration', allowableValues: ['On', 'Off'] },
    { name: 'Cores', type: 'Integer', lowerBound: 1, upperBound: 64 },
    { name: 'Serial', type: 'String', readOnly: true },
    { name: 'AdminPassword', type: 'Password' },
    { name: 'Secret', type: 'Password' },
    { name: 'Asset', type: 'String', minLength: 1, maxLength: 5 },
    { name: 'Fast', type: 'Boolean' },
    { name: 'NotOfThisModel', type: 'String' },
  ];
  components: FirmwareComponent[] = [part('bios', '1.0'), part('bmc', '6.10'), part('PSU1', '3')];
  /** On the BMC, by id. */
  subscriptions = new Map<string, { destination: string }>();
  made = 0;
  slots: MediaSlot[] = [];
  ejected: (string | undefined)[] = [];
  capabilities: BmcCapabilities = {
    media: {
      slots: () => Promise.resolve(this.slots),
      insert: () => Promise.reject(new Error('the lifecycle inserts')),
      eject: (slot) => Promise.resolve(void this.ejected.push(slot)),
    },
    bios: {
      state: () => Promise.resolve({ attributes: this.attributes, pending: {}, messages: [] }),
      registry: () => Promise.resolve(this.registry),
      set: () => Promise.resolve('done'),
      reset: () => Promise.resolve(),
    },
    firmware: {
      components: () => Promise.resolve(this.components),
      start: () => Promise.resolve('handle'),
      state: () => Promise.resolve({ kind: 'done', text: '' }),
    },
    events: {
      subscriptions: () =>
        Promise.resolve([...this.subscriptions].map(([id, s]) => ({ id, destination: s.destination }))),
      subscribe: (wanted) => {
        const id = `/subs/${(this.made += 1)}`;
        this.subscriptions.set(id, wanted);
        return Promise.resolve(id);
      },
      unsubscribe: (id) => {
        this.subscriptions.delete(id);
        return Promise.resolve();
      },
    },
  };

  get doors(): ControllerDoors {
    const { store, clock } = this;
    const bmcOf = () => Promise.resolve(this.capabilities as Bmc);
    return { store, bmcOf, clock, log: silentLogger, metrics: new Metrics(), signal };
  }

  async host(name = 'node-0', registered = true): Promise<BareMetalHost> {
    const made = await this.store.create(BARE_METAL_HOST, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BareMetalHost',
      metadata: key(name),
      spec: { online: true, bmc: { address: 'redfish://192.0.2.1', credentialsName: 'bmc' } },
    });
    const status = completeStatus(undefined);
    if (registered)
      status.goodCredentials = { credentials: { name: 'bmc', namespace: 'lab' }, credentialsVersion: '1' };
    return await this.store.updateStatus(BARE_METAL_HOST, { ...made, status });
  }

  firmware(name = 'node-0') {
    return reconcileFirmware(this.doors, key(name), signal);
  }

  subscription(name = 'sub') {
    return reconcileSubscription(this.doors, key(name), signal);
  }

  wish(settings: Record<string, number | string>) {
    return this.store.patch(HOST_FIRMWARE_SETTINGS, key(), { spec: { settings } });
  }
}

export function part(component: string, version: string): FirmwareComponent {
  return { component, name: component, version, updateable: true, target: '' };
}

export const condition = (object: { status?: { conditions?: { type: string }[] } }, type: string) =>
  object.status?.conditions?.find((c) => c.type === type);
