import { NOT_ACKNOWLEDGED, SEND_MESSAGE, decodeSendMessage } from '../bridge.ts';
import { type LanMessage, encodeLanMessage, responseMessage } from '../lan-message.ts';
import { Completion, NetFn, Privilege } from '../numbers.ts';
import { type Answer, type CommandParts, DONE, type Family, type Sender, give, refuse } from './handler.ts';

/** A controller on a bus of the virtual BMC. */
export interface SatelliteDoor {
  channel: number;
  address: number;
  /** Runs a request that came over the bus; undefined: it is silent. Never throws. */
  run(request: LanMessage, sender: Sender): Promise<Answer | undefined>;
}

/** Send Message (§22.7, §6.13): passes a request on to a controller on a bus, and its answer back to who asked. */
export const bridgeFamily: Family = (parts) => {
  if (parts.faults.bridging === 'none') return [];
  return [
    {
      netFn: NetFn.app,
      cmd: SEND_MESSAGE,
      privilege: Privilege.user,
      run: (data, sender) => sendMessage(data, sender, parts),
    },
  ];
};

async function sendMessage(data: Uint8Array, sender: Sender, parts: CommandParts): Promise<Answer> {
  const { channel, tracked, message } = decodeSendMessage(data);
  // Without tracking the answer would wait in a queue of the BMC that remote consoles cannot read.
  if (!tracked) return refuse(Completion.invalidField);
  const satellite = parts.satellites.find((s) => s.address === message.to && s.channel === channel);
  if (satellite === undefined) return refuse(NOT_ACKNOWLEDGED);
  const answered = answersOf(message, satellite.run(message, sender));
  if (parts.faults.bridging !== 'inside') return { ...DONE, follows: answered };
  const [first] = await answered;
  return first === undefined ? DONE : give(encodeLanMessage(first));
}

/** The answer of a satellite as a message, and what it has to pass on itself after it. */
async function answersOf(request: LanMessage, running: Promise<Answer | undefined>): Promise<readonly LanMessage[]> {
  const answer = await running;
  if (answer === undefined) return [];
  const { completion, data = new Uint8Array(0), follows } = answer;
  return [responseMessage(request, completion, data), ...((await follows) ?? [])];
}
