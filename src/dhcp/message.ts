import { concatBytes, latin1 } from '../wire/hex.ts';
import type { Ipv4 } from '../wire/ipv4.ts';
import { ByteReader } from '../wire/reader.ts';
import { ByteWriter } from '../wire/writer.ts';
import { OPT } from './codes.ts';
import { dhcpErrors } from './errors.ts';
import { type DhcpOptions, layOutOptions, readOptionRegion } from './options.ts';

/** A DHCP packet as a value (RFC 2131 §2). Addresses are 0 when unset. */
export interface DhcpMessage {
  /** 1 request, 2 reply. */
  op: number;
  /** Hardware type, 1 for Ethernet. */
  htype: number;
  hops: number;
  xid: number;
  secs: number;
  flags: number;
  ciaddr: Ipv4;
  yiaddr: Ipv4;
  siaddr: Ipv4;
  giaddr: Ipv4;
  /** Hardware address, as long as the packet says (0..16). */
  chaddr: Uint8Array;
  /** `sname` and `file` as text, one character a byte, up to the first NUL; empty when they carry options. */
  sname: string;
  file: string;
  options: DhcpOptions;
}

const COOKIE = 0x63825363;
const FILE_BYTES = 128;
const SNAME_BYTES = 64;
const HEADER_BYTES = 240;
/** The smallest packet relays and old ROMs take (RFC 1542 §2.1). */
const MIN_BYTES = 300;
/** What every client takes: 576 bytes of IP (RFC 2131 §2) less the IP and UDP headers. */
export const DEFAULT_MAX_BYTES = 576 - 28;
export const FLAG_BROADCAST = 0x8000;

/**
 * Reads a packet from the wire.
 * @throws DHCP_MALFORMED or WIRE_SHORT
 */
export function decodeMessage(bytes: Uint8Array): DhcpMessage {
  const r = new ByteReader(bytes);
  const op = r.u8('op');
  const htype = r.u8('htype');
  const hlen = r.u8('hlen');
  if (hlen > 16) throw dhcpErrors.make('DHCP_MALFORMED', `hardware address of ${hlen} bytes`);
  const head = {
    op,
    htype,
    hops: r.u8('hops'),
    xid: r.u32be('xid'),
    secs: r.u16be('secs'),
    flags: r.u16be('flags'),
    ciaddr: r.u32be('ciaddr'),
    yiaddr: r.u32be('yiaddr'),
    siaddr: r.u32be('siaddr'),
    giaddr: r.u32be('giaddr'),
    chaddr: r.bytes(16, 'chaddr').slice(0, hlen),
  };
  const sname = r.bytes(SNAME_BYTES, 'sname');
  const file = r.bytes(FILE_BYTES, 'file');
  if (r.u32be('cookie') !== COOKIE) throw dhcpErrors.make('DHCP_MALFORMED', 'no DHCP magic cookie');
  const options: DhcpOptions = new Map();
  readOptionRegion(r.rest(), options);
  const overload = options.get(OPT.overload)?.[0] ?? 0;
  options.delete(OPT.overload);
  if ((overload & 1) !== 0) readOptionRegion(file, options);
  if ((overload & 2) !== 0) readOptionRegion(sname, options);
  options.delete(OPT.overload);
  return {
    ...head,
    sname: (overload & 2) === 0 ? fieldText(sname) : '',
    file: (overload & 1) === 0 ? fieldText(file) : '',
    options,
  };
}

/**
 * Writes a packet.
 * @param maxBytes the largest UDP payload the receiver takes (option 57 less 28)
 * @throws DHCP_TOO_LARGE when the options do not fit, WIRE_RANGE when a number does not fit its field
 */
export function encodeMessage(message: DhcpMessage, maxBytes = DEFAULT_MAX_BYTES): Uint8Array {
  const layout = layOutOptions(message.options, {
    options: maxBytes - HEADER_BYTES,
    file: message.file === '' ? FILE_BYTES : 0,
    sname: message.sname === '' ? SNAME_BYTES : 0,
  });
  const w = new ByteWriter(MIN_BYTES);
  w.u8(message.op).u8(message.htype).u8(message.chaddr.length).u8(message.hops);
  w.u32be(message.xid).u16be(message.secs).u16be(message.flags);
  w.u32be(message.ciaddr).u32be(message.yiaddr).u32be(message.siaddr).u32be(message.giaddr);
  w.bytes(padded(message.chaddr, 16, 'chaddr'));
  w.bytes(
    layout.sname === undefined ? textField(message.sname, SNAME_BYTES) : padded(layout.sname, SNAME_BYTES, 'sname'),
  );
  w.bytes(layout.file === undefined ? textField(message.file, FILE_BYTES) : padded(layout.file, FILE_BYTES, 'file'));
  w.u32be(COOKIE).bytes(layout.options);
  if (w.length < MIN_BYTES) w.fill(MIN_BYTES - w.length);
  return w.finish();
}

/** Does `text` fit the `file` field with its closing NUL? */
export function fitsFile(text: string): boolean {
  return text.length < FILE_BYTES;
}

function fieldText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return latin1(end === -1 ? bytes : bytes.subarray(0, end));
}

/** A text of the full width has no NUL; RFC 2131 wants one, but what came in has to go out the same. */
function textField(text: string, width: number): Uint8Array {
  return padded(
    Uint8Array.from(text, (c) => c.charCodeAt(0) & 0xff),
    width,
    'text',
  );
}

function padded(bytes: Uint8Array, width: number, what: string): Uint8Array {
  if (bytes.length > width) throw dhcpErrors.make('DHCP_TOO_LARGE', `${what} of ${bytes.length} bytes in ${width}`);
  return concatBytes(bytes, new Uint8Array(width - bytes.length));
}
