import { ByteReader } from '../../../wire/reader.ts';
import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn, PayloadType } from '../../numbers.ts';
import { type Command, query } from '../command.ts';
import { PayloadCmd, SOL_INSTANCE } from './numbers.ts';

/** Completion codes of Activate Payload (§24.1). */
export const ActivateRefusal = {
  alreadyActive: 0x80,
  disabled: 0x81,
  limit: 0x82,
  cannotEncrypt: 0x83,
  mustEncrypt: 0x84,
} as const;
const ENCRYPT = 0x80;
const AUTHENTICATE = 0x40;

/** Alerts are deferred while SOL is active; Windmill and Winterfell boards refuse without it. */
const ALERTS_DEFERRED = 0x04;

/** Starts with CTS, DCD and DSR held until the console is ready (§24.1). */
const HOLD_LINES = 0x02;

export interface Activation {
  /** Bytes of a packet's payload that the BMC takes and sends, SOL header included. Wrong on several boards. */
  inboundBytes: number;
  outboundBytes: number;
  /** UDP port of the payload. Byte-swapped or wrong on several boards. */
  port: number;
}

/** @param isProtected ask for encryption and authentication */
export function activationFlags(isProtected: boolean): number {
  return (isProtected ? ENCRYPT | AUTHENTICATE : 0) | ALERTS_DEFERRED | HOLD_LINES;
}

/** Activate Payload for SOL (§24.1). @param flags first byte of the auxiliary data */
export function activateSol(flags: number): Command<Activation> {
  const data = Uint8Array.of(PayloadType.sol, SOL_INSTANCE, flags, 0, 0, 0);
  const parse = (reader: ByteReader): Activation => {
    reader.skip(4, 'auxiliary data');
    return {
      inboundBytes: reader.u16le('inbound size'),
      outboundBytes: reader.u16le('outbound size'),
      port: reader.u16le('port'),
    };
  };
  return query('Activate Payload SOL', NetFn.app, PayloadCmd.activate, data, parse);
}

/** A request to activate or deactivate. `flags`: first byte of the auxiliary data. @throws WIRE_SHORT */
export function decodePayloadRequest(data: Uint8Array): { type: number; instance: number; flags: number } {
  const reader = new ByteReader(data);
  const type = reader.u8('payload type') & 0x3f;
  const instance = reader.u8('instance') & 0x0f;
  const flags = reader.u8('auxiliary data');
  reader.skip(3, 'auxiliary data');
  return { type, instance, flags };
}

/** Answer to Activate Payload. */
export function encodeActivation(activation: Activation): Uint8Array {
  return new ByteWriter(12)
    .fill(4)
    .u16le(activation.inboundBytes)
    .u16le(activation.outboundBytes)
    .u16le(activation.port)
    .u16le(0xffff)
    .finish();
}
