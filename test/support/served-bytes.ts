import { exec } from '../../src/core/exec.ts';
import type { LabNetwork } from '../../src/sim/lab-network.ts';
import { insideLab } from '../../src/sim/lab.ts';

const HTTP_PORT = 8080;
/** IPv4 header and TCP header with timestamps, in each packet that the counter sees. */
const HEADER_BYTES = 52;

/**
 * Bytes that the engine's HTTP server has sent into the lab, counted by the kernel: whatever the engine itself says,
 * and however often it is killed. Counted before segmentation, so that headers are a fraction of a per cent, and are
 * taken off.
 */
export class ServedBytes {
  readonly #network: LabNetwork;

  private constructor(network: LabNetwork) {
    this.#network = network;
  }

  static async start(network: LabNetwork): Promise<ServedBytes> {
    const rules = `table inet e2e {
  counter served { }
  chain out {
    type filter hook output priority 0
    oifname "${network.bridge}" tcp sport ${HTTP_PORT} counter name served
  }
}
`;
    const [program, ...args] = insideLab(network, ['nft', '-f', '-']);
    await exec(program, args, { input: rules });
    return new ServedBytes(network);
  }

  /** Payload bytes since the start of the lab. */
  async bytes(): Promise<number> {
    const [program, ...args] = insideLab(this.#network, ['nft', '-j', 'list', 'counter', 'inet', 'e2e', 'served']);
    const reply = JSON.parse((await exec(program, args)).stdout) as {
      nftables: { counter?: { packets: number; bytes: number } }[];
    };
    const counter = reply.nftables.find((item) => item.counter !== undefined)?.counter;
    if (counter === undefined) throw new Error('nft does not know the counter');
    return counter.bytes - counter.packets * HEADER_BYTES;
  }
}
