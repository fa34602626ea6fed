import type { Clock } from '../../core/clock.ts';
import { ActivateRefusal, decodePayloadRequest, encodeActivation } from '../commands/payload/activate.ts';
import { encodeInstance } from '../commands/payload/instance-info.ts';
import { PayloadCmd, SOL_INSTANCE } from '../commands/payload/numbers.ts';
import type { Payload } from '../framing.ts';
import { Completion, NetFn, PayloadType, Privilege } from '../numbers.ts';
import { type Answer, DONE, type Family, type Sender, give, refuse } from '../server-commands/handler.ts';
import type { SolFaults } from '../server-faults.ts';
import type { ActiveState } from '../server-session.ts';
import { SolEnd } from './end.ts';
import { SOL_HEADER_BYTES, SolStatus, encodeSol } from './packet.ts';
import type { SerialPort } from './serial.ts';

const PAYLOAD_BYTES = 204;
const NOTHING = new Uint8Array(0);

interface Active {
  session: ActiveState;
  end: SolEnd;
  unlisten: () => void;
}

/** Serial over LAN of a virtual BMC: one serial port, at most one session at it. */
export class SolServer {
  readonly #port: SerialPort;
  readonly #clock: Clock;
  readonly #udpPort: () => number;
  readonly #alive: (session: ActiveState) => boolean;
  readonly #faults: SolFaults;
  #active: Active | undefined;
  #refused = 0;

  /**
   * @param udpPort port of the BMC
   * @param alive is the session still open?
   */
  constructor(
    port: SerialPort,
    doors: {
      clock: Clock;
      udpPort: () => number;
      alive: (session: ActiveState) => boolean;
      faults?: SolFaults | undefined;
    },
  ) {
    this.#port = port;
    this.#clock = doors.clock;
    this.#udpPort = doors.udpPort;
    this.#alive = doors.alive;
    this.#faults = doors.faults ?? {};
  }

  /** The commands with which consoles begin and end (§24). */
  readonly family: Family = () => {
    const netFn = NetFn.app;
    const { user, operator } = Privilege;
    return [
      { netFn, cmd: PayloadCmd.activate, privilege: operator, run: (data, sender) => this.#activate(data, sender) },
      { netFn, cmd: PayloadCmd.deactivate, privilege: operator, run: (data) => this.#deactivate(data) },
      { netFn, cmd: PayloadCmd.instanceInfo, privilege: user, run: () => give(encodeInstance(this.#holder())) },
      // One instance; its bit says whether it is active.
      {
        netFn,
        cmd: PayloadCmd.activationStatus,
        privilege: user,
        run: () => give(Uint8Array.of(1, this.#holder() === 0 ? 0 : 1, 0)),
      },
      {
        netFn,
        cmd: PayloadCmd.channelSupport,
        privilege: user,
        run: () => give(Uint8Array.of(0x03, 0, 0x3f, 0, 0, 0, 0, 0)),
      },
      { netFn, cmd: PayloadCmd.userAccess, privilege: operator, run: () => give(Uint8Array.of(0x02, 0, 0, 0)) },
    ];
  };

  /** A SOL payload of a session; dropped when the console is not this session's. */
  received(payload: Payload, session: ActiveState): void {
    if (payload.type === PayloadType.sol && this.#active?.session === session) this.#active.end.received(payload.bytes);
  }

  /** Ends the console of a session that is gone. */
  prune(): void {
    if (this.#active !== undefined && !this.#alive(this.#active.session)) this.stop();
  }

  /** Ends the console and tells it so, as a BMC does when another session takes it. */
  deactivate(): void {
    const session = this.#active?.session;
    this.stop();
    const last = { sequence: 0, ack: 0, accepted: 0, flags: SolStatus.deactivated, data: NOTHING };
    session?.post({ type: PayloadType.sol, bytes: encodeSol(last) });
  }

  #holder(): number {
    this.prune();
    return this.#active?.session.bmcSessionId ?? 0;
  }

  #activate(data: Uint8Array, sender: Sender): Answer {
    const { type, instance, flags } = decodePayloadRequest(data);
    const { onlyFlags = flags } = this.#faults;
    if (flags !== onlyFlags) return refuse(Completion.invalidField);
    if (sender === undefined || type !== PayloadType.sol || instance !== SOL_INSTANCE) {
      return refuse(Completion.invalidField);
    }
    const fault = this.#faults.refuse;
    if (fault !== undefined && this.#refused < fault.times) {
      this.#refused++;
      return refuse(fault.code);
    }
    if (this.#holder() !== 0) return refuse(ActivateRefusal.alreadyActive);
    this.#start(sender);
    const { inboundBytes = PAYLOAD_BYTES, port = this.#udpPort() } = this.#faults;
    return give(encodeActivation({ inboundBytes, outboundBytes: PAYLOAD_BYTES, port }));
  }

  #deactivate(data: Uint8Array): Answer {
    const { type } = decodePayloadRequest(data);
    if (type !== PayloadType.sol) return refuse(Completion.invalidField);
    // 80h: already deactivated (§24.2).
    if (this.#holder() === 0) return refuse(ActivateRefusal.alreadyActive);
    this.deactivate();
    return DONE;
  }

  #start(session: ActiveState): void {
    const end = new SolEnd('bmc', PAYLOAD_BYTES - SOL_HEADER_BYTES, {
      clock: this.#clock,
      send: (bytes) => {
        // The count of an acknowledgement, as old Intel boards leave it.
        if (this.#faults.zeroAccepted === true) bytes[2] = 0;
        session.post({ type: PayloadType.sol, bytes });
      },
      output: (bytes) => this.#port.write(bytes),
      notice: (notice) => {
        if (notice === 'break') this.#port.sendBreak();
      },
      ended: () => this.stop(),
      room: () => this.#port.room?.() ?? Number.POSITIVE_INFINITY,
    });
    const unlisten = this.#port.listen((bytes) => end.write(bytes));
    this.#active = { session, end, unlisten };
  }

  /** Ends the console without a word. */
  stop(): void {
    const active = this.#active;
    this.#active = undefined;
    active?.unlisten();
    active?.end.stop();
  }
}
