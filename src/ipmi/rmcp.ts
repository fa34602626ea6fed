import type { ByteReader } from '../wire/reader.ts';
import { ByteWriter } from '../wire/writer.ts';
import { ipmiErrors } from './errors.ts';

/** RMCP header (ASF 2.0 §3.2.2): version 6, reserved, sequence FF = no RMCP acknowledge wanted, class. */
const RMCP_VERSION = 0x06;
const NO_ACK = 0xff;
export const RmcpClass = { asf: 0x06, ipmi: 0x07 } as const;

const ASF_IANA = 4542;
const ASF_PING = 0x80;
const ASF_PONG = 0x40;

/** No datagram of ours or of a BMC is longer; more is not looked at. */
export const MAX_DATAGRAM = 1500;

export type AsfMessage = { kind: 'ping'; tag: number } | { kind: 'pong'; tag: number; ipmi: boolean };

export function writeRmcp(writer: ByteWriter, rmcpClass: number): ByteWriter {
  return writer.u8(RMCP_VERSION).u8(0).u8(NO_ACK).u8(rmcpClass);
}

/** Reads the RMCP header and returns the message class. @throws IPMI_MALFORMED, WIRE_SHORT */
export function readRmcp(reader: ByteReader): number {
  if (reader.remaining > MAX_DATAGRAM) {
    throw ipmiErrors.make('IPMI_MALFORMED', `datagram of ${reader.remaining} bytes is longer than any IPMI packet`);
  }
  const version = reader.u8('RMCP version');
  reader.skip(2, 'RMCP sequence');
  const rmcpClass = reader.u8('RMCP class');
  if (version !== RMCP_VERSION) throw ipmiErrors.make('IPMI_MALFORMED', `RMCP version is ${version}, not 6`);
  // Bit 7 marks an RMCP acknowledge: it carries nothing.
  if ((rmcpClass & 0x80) !== 0) throw ipmiErrors.make('IPMI_MALFORMED', 'RMCP acknowledge without a message');
  return rmcpClass & 0x1f;
}

/** @throws IPMI_MALFORMED, WIRE_SHORT */
export function readAsf(reader: ByteReader): AsfMessage {
  const iana = reader.u32be('ASF enterprise number');
  const type = reader.u8('ASF type');
  const tag = reader.u8('ASF tag');
  reader.skip(1, 'ASF reserved');
  const data = reader.sub(reader.u8('ASF length'), 'ASF data');
  if (iana !== ASF_IANA) throw ipmiErrors.make('IPMI_MALFORMED', `ASF enterprise number is ${iana}, not 4542`);
  if (type === ASF_PING) return { kind: 'ping', tag };
  if (type !== ASF_PONG) throw ipmiErrors.make('IPMI_MALFORMED', `ASF message type 0x${type.toString(16)}`);
  data.skip(8, 'ASF OEM fields');
  return { kind: 'pong', tag, ipmi: (data.u8('ASF entities') & 0x80) !== 0 };
}

/** A presence ping or pong (ASF 2.0 §3.2.4). A BMC that stays silent to a ping may well be alive. */
export function encodeAsf(message: AsfMessage): Uint8Array {
  const writer = writeRmcp(new ByteWriter(32), RmcpClass.asf).u32be(ASF_IANA);
  if (message.kind === 'ping') return writer.u8(ASF_PING).u8(message.tag).u8(0).u8(0).finish();
  return writer
    .u8(ASF_PONG)
    .u8(message.tag)
    .u8(0)
    .u8(16)
    .u32be(ASF_IANA)
    .u32be(0)
    .u8(message.ipmi ? 0x81 : 0x01)
    .u8(0)
    .fill(6)
    .finish();
}
