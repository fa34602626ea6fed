import { ByteReader } from '../../wire/reader.ts';
import { ByteWriter } from '../../wire/writer.ts';

/** A packet of serial over LAN (§15.9), the same in both directions but for the meaning of its flags. */
export interface SolPacket {
  /** 1..15; 0: only acknowledges, has no characters. */
  sequence: number;
  /** Sequence number acknowledged; 0: none. */
  ack: number;
  /** Characters accepted of the packet acknowledged. */
  accepted: number;
  /** `SolFlag`, or `SolStatus` when the BMC sends it. */
  flags: number;
  data: Uint8Array;
}

/** Operation bits of packets to the BMC (§15.9 table 15-2). */
export const SolFlag = {
  nack: 0x40,
  ring: 0x20,
  break: 0x10,
  ctsPause: 0x08,
  dcdDrop: 0x04,
  flushIn: 0x02,
  flushOut: 0x01,
} as const;

/** Status bits of packets from the BMC. */
export const SolStatus = { nack: 0x40, unavailable: 0x20, deactivated: 0x10, overrun: 0x08, break: 0x04 } as const;

export const SOL_HEADER_BYTES = 4;

/** Characters of one packet: no board is known to take less than it says below this; above it, several lie. */
export const MAX_CHARACTERS = 200;

/** @throws WIRE_SHORT */
export function decodeSol(bytes: Uint8Array): SolPacket {
  const reader = new ByteReader(bytes);
  return {
    sequence: reader.u8('sequence') & 0x0f,
    ack: reader.u8('acknowledged') & 0x0f,
    accepted: reader.u8('accepted'),
    flags: reader.u8('status'),
    data: reader.rest(),
  };
}

export function encodeSol(packet: SolPacket): Uint8Array {
  return new ByteWriter(packet.data.length + SOL_HEADER_BYTES)
    .u8(packet.sequence)
    .u8(packet.ack)
    .u8(packet.accepted)
    .u8(packet.flags)
    .bytes(packet.data)
    .finish();
}

/** Characters that fit a packet to a BMC that says it takes `inboundBytes`. 0, which it cannot mean, counts as one. */
export function charactersOf(inboundBytes: number): number {
  return Math.min(MAX_CHARACTERS, Math.max(1, inboundBytes - SOL_HEADER_BYTES));
}
