import { unreachable } from '../../core/errors.ts';
import { concatBytes } from '../../wire/hex.ts';
import { type SolPacket, SolFlag, SolStatus } from './packet.ts';

/**
 * One end of serial over LAN as a pure function: what happened → what to send, to hand on, and when to look again.
 * Console and BMC follow the same rules (§15.11): one packet in flight, acknowledged with the number of characters
 * taken; the same packet again when nothing comes; what was not taken again under a new number.
 */
export type SolSide = 'console' | 'bmc';

export interface SolState {
  readonly side: SolSide;
  /** Most characters of one packet. */
  readonly maxCharacters: number;
  readonly nextSequence: number;
  readonly inFlight: InFlight | undefined;
  readonly queue: readonly Item[];
  /** The peer's last packet with a number: how many characters it had, and how many of them were taken. */
  readonly lastSequence: number;
  readonly lastLength: number;
  readonly lastTaken: number;
  /** We cannot take more: the other side is told to wait. */
  readonly hold: boolean;
  /** The other side cannot take more. */
  readonly peerHolds: boolean;
  /** An acknowledgement of 0 characters that is no NACK means all of them: a fault of old Intel boards. */
  readonly zeroIsAll: boolean;
}

export interface InFlight {
  readonly sequence: number;
  readonly item: Item;
  /** Times sent without any answer. */
  readonly sends: number;
}

export type Item = { kind: 'data'; bytes: Uint8Array } | { kind: 'break' } | { kind: 'control' };

export type SolEvent =
  | { kind: 'write'; bytes: Uint8Array }
  | { kind: 'break' }
  /** We can take no more, or can again. */
  | { kind: 'hold'; on: boolean }
  /** @param room characters that can be taken now */
  | { kind: 'packet'; packet: SolPacket; room: number }
  /** The time set by the last decision is over. */
  | { kind: 'timeout' };

export type SolNotice = 'overrun' | 'break';

export interface SolDecision {
  state: SolState;
  send: SolPacket[];
  /** Characters of the other side, in order, each once. */
  output: Uint8Array[];
  notices: SolNotice[];
  /** Come back with `timeout` in so many ms; undefined: nothing is awaited. */
  wakeMs: number | undefined;
  /** The BMC ended it; it does not answer any more. */
  ended: 'deactivated' | 'silent' | undefined;
}

/** Wait for an acknowledgement (§15.9: the default of BMCs is 1 s), and how often a packet is sent. */
export const RETRY_MS = 1000;
const SENDS = 6;
const LAST_SEQUENCE = 15;
const NOTHING = new Uint8Array(0);

export function solStart(side: SolSide, maxCharacters: number, zeroIsAll = false): SolState {
  return {
    side,
    maxCharacters,
    nextSequence: 1,
    inFlight: undefined,
    queue: [],
    lastSequence: 0,
    lastLength: 0,
    lastTaken: 0,
    hold: false,
    peerHolds: false,
    zeroIsAll,
  };
}

/** Characters that wait to be sent or acknowledged. */
export function waitingCharacters(state: SolState): number {
  const items = state.inFlight === undefined ? state.queue : [state.inFlight.item, ...state.queue];
  return items.reduce((n, item) => n + (item.kind === 'data' ? item.bytes.length : 0), 0);
}

export function decideSol(state: SolState, event: SolEvent): SolDecision {
  const out: SolDecision = { state, send: [], output: [], notices: [], wakeMs: undefined, ended: undefined };
  switch (event.kind) {
    case 'write':
      if (event.bytes.length > 0) enqueue(out, { kind: 'data', bytes: event.bytes });
      break;
    case 'break':
      enqueue(out, { kind: 'break' });
      break;
    case 'hold':
      if (event.on === state.hold) break;
      out.state = { ...out.state, hold: event.on };
      // Under a number, so that it is acknowledged: a lost "go on" would stop the console for ever.
      enqueue(out, { kind: 'control' });
      break;
    case 'packet':
      received(out, event.packet, event.room);
      break;
    case 'timeout':
      timedOut(out);
      break;
    default:
      unreachable(event);
  }
  if (out.ended === undefined) startNext(out);
  out.wakeMs = wake(out);
  return out;
}

function enqueue(out: SolDecision, item: Item): void {
  out.state = { ...out.state, queue: [...out.state.queue, item] };
}

function received(out: SolDecision, packet: SolPacket, room: number): void {
  if (out.state.side === 'console') readStatus(out, packet.flags);
  else readOperation(out, packet.flags);
  acknowledged(out, packet);
  if (packet.sequence !== 0) take(out, packet, room);
}

function readStatus(out: SolDecision, flags: number): void {
  if ((flags & SolStatus.overrun) !== 0) out.notices.push('overrun');
  if ((flags & SolStatus.break) !== 0) out.notices.push('break');
  if ((flags & SolStatus.deactivated) !== 0) out.ended = 'deactivated';
  out.state = { ...out.state, peerHolds: (flags & SolStatus.unavailable) !== 0 };
}

function readOperation(out: SolDecision, flags: number): void {
  if ((flags & SolFlag.break) !== 0) out.notices.push('break');
  out.state = { ...out.state, peerHolds: (flags & SolFlag.ctsPause) !== 0 };
}

/** What the peer says of our packet in flight. An answer to an earlier one is late and says nothing. */
function acknowledged(out: SolDecision, packet: SolPacket): void {
  const { inFlight } = out.state;
  if (inFlight === undefined || packet.ack !== inFlight.sequence) return;
  const { item } = inFlight;
  const refused = (packet.flags & SolFlag.nack) !== 0;
  if (item.kind !== 'data') {
    out.state = { ...out.state, inFlight: refused ? { ...inFlight, sends: 0 } : undefined };
    return;
  }
  const all = out.state.zeroIsAll && packet.accepted === 0 && !refused;
  const taken = all ? item.bytes.length : Math.min(packet.accepted, item.bytes.length);
  const tail = item.bytes.subarray(taken);
  if (taken === 0 && tail.length > 0) {
    // Nothing taken: the same again after a rest, under a new number. It counts as an answer: the BMC lives.
    out.state = { ...renumbered(out.state), inFlight: { ...inFlight, sequence: out.state.nextSequence, sends: 0 } };
    return;
  }
  const queue: readonly Item[] =
    tail.length === 0 ? out.state.queue : [{ kind: 'data', bytes: tail }, ...out.state.queue];
  out.state = { ...out.state, inFlight: undefined, queue };
}

/**
 * Characters of the peer. The same number again is a copy: it is acknowledged as it was, even if more could be taken now,
 * since what was refused then comes under a new number. Only characters after those of the first copy are new.
 */
function take(out: SolDecision, packet: SolPacket, room: number): void {
  const { lastSequence, lastLength, lastTaken, side, hold } = out.state;
  const copy = packet.sequence === lastSequence;
  const refusedBefore = copy && lastTaken < lastLength;
  const known = copy ? Math.min(lastTaken, packet.data.length) : 0;
  const fresh = packet.data.subarray(known);
  const count = refusedBefore ? 0 : Math.min(fresh.length, Math.max(0, room));
  if (count > 0) out.output.push(fresh.slice(0, count));
  const seen = { lastSequence: packet.sequence, lastLength: packet.data.length, lastTaken: known + count };
  out.state = { ...out.state, ...seen };
  const pause = side === 'console' && hold ? SolFlag.ctsPause : 0;
  out.send.push({
    sequence: 0,
    ack: packet.sequence,
    accepted: known + count,
    flags: (count < fresh.length ? SolFlag.nack : 0) | pause,
    data: NOTHING,
  });
}

function timedOut(out: SolDecision): void {
  const { inFlight, peerHolds } = out.state;
  if (inFlight === undefined) return;
  if (inFlight.sends >= SENDS && !peerHolds) {
    out.ended = 'silent';
    return;
  }
  const again = { ...inFlight, sends: inFlight.sends + 1 };
  out.state = { ...out.state, inFlight: again };
  out.send.push(packetOf(out.state, again));
}

function startNext(out: SolDecision): void {
  const { state } = out;
  const [first, ...rest] = state.queue;
  if (state.inFlight !== undefined || first === undefined || (state.peerHolds && first.kind === 'data')) return;
  const [item, queue] = first.kind === 'data' ? fill(first.bytes, rest, state.maxCharacters) : [first, rest];
  const inFlight = { sequence: state.nextSequence, item, sends: 1 };
  out.state = { ...renumbered(state), inFlight, queue };
  out.send.push(packetOf(out.state, inFlight));
}

/** Fills one packet with characters that wait; what does not fit stays in front of the queue. */
function fill(bytes: Uint8Array, rest: readonly Item[], max: number): [Item, readonly Item[]] {
  let all = bytes;
  let left = rest;
  for (let next = left[0]; all.length < max && next?.kind === 'data'; next = left[0]) {
    all = concatBytes(all, next.bytes);
    left = left.slice(1);
  }
  if (all.length <= max) return [{ kind: 'data', bytes: all }, left];
  return [{ kind: 'data', bytes: all.slice(0, max) }, [{ kind: 'data', bytes: all.slice(max) }, ...left]];
}

function renumbered(state: SolState): SolState {
  return { ...state, nextSequence: (state.nextSequence % LAST_SEQUENCE) + 1 };
}

function packetOf(state: SolState, { sequence, item }: InFlight): SolPacket {
  const data = item.kind === 'data' ? item.bytes : NOTHING;
  const pause = state.side === 'console' && state.hold ? SolFlag.ctsPause : 0;
  // A BMC tells of a break on its serial line in its status bits.
  const breaks = state.side === 'console' ? SolFlag.break : SolStatus.break;
  return { sequence, ack: 0, accepted: 0, flags: pause | (item.kind === 'break' ? breaks : 0), data };
}

function wake({ state, ended }: SolDecision): number | undefined {
  return ended === undefined && state.inFlight !== undefined ? RETRY_MS : undefined;
}
