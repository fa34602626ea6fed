import { ByteReader } from '../wire/reader.ts';
import { ByteWriter } from '../wire/writer.ts';
import { ipmiErrors } from './errors.ts';
import { BMC_ADDRESS, CONSOLE_ADDRESS } from './numbers.ts';

/** An IPMI LAN message (§13.8). `data` of a response begins with the completion code. */
export interface LanMessage {
  /** Even: request; odd: response. */
  netFn: number;
  /** Logical unit at the side it goes to; 0 when absent. */
  lun?: number;
  cmd: number;
  /** rqSeq, 0..63. */
  sequence: number;
  data: Uint8Array;
  /** Slave address or software id of the side the message goes to, and of the side it comes from. */
  to: number;
  from: number;
}

/** Two's complement checksum: all bytes and it sum to 0 modulo 256. */
export function checksum(bytes: Uint8Array): number {
  return -bytes.reduce((sum, b) => sum + b, 0) & 0xff;
}

export function encodeLanMessage(message: LanMessage): Uint8Array {
  const head = Uint8Array.of(message.to, (message.netFn << 2) | (message.lun ?? 0));
  const body = new ByteWriter(message.data.length + 8)
    .u8(message.from)
    .u8(message.sequence << 2)
    .u8(message.cmd)
    .bytes(message.data)
    .finish();
  return new ByteWriter(body.length + 4).bytes(head).u8(checksum(head)).bytes(body).u8(checksum(body)).finish();
}

/**
 * @param checked false: checksums are not looked at, for boards that compute them wrongly
 * @throws IPMI_MALFORMED (checksum), WIRE_SHORT
 */
export function decodeLanMessage(bytes: Uint8Array, checked = true): LanMessage {
  const reader = new ByteReader(bytes);
  const to = reader.u8('rsAddr');
  const second = reader.u8('netFn and LUN');
  const [netFn, lun] = [second >> 2, second & 0x03];
  reader.skip(1, 'checksum 1');
  const from = reader.u8('rqAddr');
  const sequence = reader.u8('rqSeq') >> 2;
  const cmd = reader.u8('command');
  const data = reader.bytes(Math.max(0, reader.remaining - 1), 'message data');
  reader.skip(1, 'checksum 2');
  const right = checksum(bytes.subarray(0, 3)) === 0 && checksum(bytes.subarray(3)) === 0;
  if (checked && !right) {
    throw ipmiErrors.make('IPMI_MALFORMED', 'checksum of a LAN message is wrong');
  }
  return { netFn, ...(lun === 0 ? {} : { lun }), cmd, sequence, data, to, from };
}

/** A request from a remote console to the BMC. */
export function requestMessage(netFn: number, cmd: number, sequence: number, data: Uint8Array): LanMessage {
  return { netFn, cmd, sequence, data, to: BMC_ADDRESS, from: CONSOLE_ADDRESS };
}

/** The answer to `request`: addresses swapped, next network function, completion code first. */
export function responseMessage(request: LanMessage, completion: number, data: Uint8Array): LanMessage {
  return {
    netFn: request.netFn | 1,
    cmd: request.cmd,
    sequence: request.sequence,
    data: Uint8Array.of(completion, ...data),
    to: request.from,
    from: request.to,
  };
}

/** Does `reply` answer `request`? */
export function answers(reply: LanMessage, request: LanMessage): boolean {
  return reply.netFn === (request.netFn | 1) && reply.cmd === request.cmd && reply.sequence === request.sequence;
}
