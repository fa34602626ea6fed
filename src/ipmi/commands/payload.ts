import { ByteReader } from '../../wire/reader.ts';
import { ByteWriter } from '../../wire/writer.ts';
import { NetFn, PayloadType } from '../numbers.ts';
import { type Command, order, query } from './command.ts';

/** Commands of payloads beside IPMI messages (§24), all of network function App. */
export const PayloadCmd = {
  activate: 0x48,
  deactivate: 0x49,
  activationStatus: 0x4a,
  instanceInfo: 0x4b,
  userAccess: 0x4d,
  channelSupport: 0x4e,
} as const;

/** Completion codes of Activate Payload (§24.1). */
export const ActivateRefusal = {
  alreadyActive: 0x80,
  disabled: 0x81,
  limit: 0x82,
  cannotEncrypt: 0x83,
  mustEncrypt: 0x84,
} as const;

/** The only instance of SOL that we use; BMCs have one serial port to offer. */
export const SOL_INSTANCE = 1;

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

/** Deactivate Payload for SOL (§24.2), also of another session. */
export function deactivateSol(): Command<void> {
  return order(
    'Deactivate Payload SOL',
    NetFn.app,
    PayloadCmd.deactivate,
    Uint8Array.of(PayloadType.sol, SOL_INSTANCE, 0, 0, 0, 0),
  );
}

/** Get Payload Instance Info for SOL (§24.4). @returns the session that has it; 0: none */
export function solInstance(): Command<number> {
  const data = Uint8Array.of(PayloadType.sol, SOL_INSTANCE);
  return query('Get Payload Instance Info SOL', NetFn.app, PayloadCmd.instanceInfo, data, (reader) =>
    reader.u32le('session'),
  );
}

/** Answer to Get Payload Instance Info: session and, for SOL, the number of the serial port. */
export function encodeInstance(session: number): Uint8Array {
  return new ByteWriter(12)
    .u32le(session)
    .u8(session === 0 ? 0 : 1)
    .fill(7)
    .finish();
}
