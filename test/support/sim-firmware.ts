import type { BiosValue, UpdateState } from '../../src/bmc/capabilities.ts';
import type { SimMachine } from './sim-machine.ts';

/** BIOS settings and firmware of a simulated machine: what is staged comes into force when it starts. */
export class SimFirmware {
  inForce: Record<string, BiosValue>;
  staged: Record<string, BiosValue> = {};
  /** What the BMC says of an update, one word a question; then that it is done. */
  updates: UpdateState[] = [];
  /** Components whose update was begun. */
  readonly started: string[] = [];

  constructor(machine: SimMachine, inForce: Record<string, BiosValue>) {
    this.inForce = inForce;
    const { writes } = machine;
    Object.assign(machine, {
      bios: {
        state: () => Promise.resolve({ attributes: this.inForce, pending: this.staged, messages: [] }),
        registry: () => Promise.resolve([]),
        set: (changes: Record<string, BiosValue>) => {
          writes.push('bios');
          this.staged = { ...changes };
          return Promise.resolve('pending' as const);
        },
        reset: () => Promise.resolve(),
      },
      firmware: {
        components: () => Promise.resolve([]),
        start: ({ component }: { component: string }) => {
          this.started.push(component);
          return Promise.resolve(`handle-${component}`);
        },
        state: () => Promise.resolve(this.updates.shift() ?? ({ kind: 'done', text: 'ok' } as const)),
      },
    });
    const setPower = machine.setPower.bind(machine);
    machine.setPower = async (action) => {
      if (action === 'on') this.inForce = { ...this.inForce, ...this.staged };
      await setPower(action);
    };
  }
}
