/**
 * A BIOS network card whose ROM is not iPXE. QEMU has none: the ROMs of all its cards are iPXE, which we never send
 * `undionly.kpxe`. So one of them plays a plain ROM: QEMU hands every packet that the machine sends to this process, which
 * takes iPXE's marks out of the ROM's DHCP packets and gives them back. The answers, the TFTP transfer and the UNDI driver
 * that `undionly.kpxe` then runs on are as on any card. Our own loader is iPXE and says so: it is left alone.
 */
import { rm } from 'node:fs/promises';
import { type Server, type Socket, createServer } from 'node:net';
import { join } from 'node:path';
import { OPT } from '../../src/dhcp/codes.ts';
import { decodeMessage, encodeMessage } from '../../src/dhcp/message.ts';
import { decodePacket } from '../../src/tftp/packet.ts';
import { concatBytes } from '../../src/wire/hex.ts';

const LOADER = 'undionly.kpxe';

const ETHERNET_BYTES = 14;
const UDP_BYTES = 8;
const UDP = 17;
const DHCP_PORT = 67;
const TFTP_PORT = 69;

export class PlainBiosRom {
  readonly #servers: readonly Server[];
  readonly #paths: readonly string[];
  #toNetwork: Socket | undefined;
  /** DHCP packets that went out without iPXE's marks. */
  disguised = 0;

  private constructor(dir: string, machine: string) {
    this.#paths = ['sent', 'passed'].map((end) => join(dir, `${machine}-${end}.sock`));
    this.#servers = [createServer((s) => this.#machineIsOn(s)), createServer((s) => (this.#toNetwork = s))];
  }

  /** @param dir holds the two sockets that QEMU connects to at each power-on */
  static async start(dir: string, machine: string): Promise<PlainBiosRom> {
    const rom = new PlainBiosRom(dir, machine);
    for (const [i, server] of rom.#servers.entries()) {
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(rom.#paths[i], resolve));
    }
    return rom;
  }

  /** QEMU's arguments for a machine with one e1000 card: virtio's packets would have a header of their own. */
  get extraArgs(): string[] {
    const [sent, passed] = this.#paths;
    const sockets = ['-chardev', `socket,id=sent,path=${sent}`, '-chardev', `socket,id=passed,path=${passed}`];
    return [...sockets, '-object', 'filter-redirector,id=rom,netdev=net0,queue=rx,outdev=sent,indev=passed'];
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const path of this.#paths) await rm(path, { force: true });
  }

  /** Frames on QEMU's socket: u32 length, then the frame. The ROM is at work until it asks for the loader. */
  #machineIsOn(socket: Socket): void {
    let rest: Uint8Array = new Uint8Array(0);
    let romAtWork = true;
    socket.on('error', () => {});
    socket.on('data', (chunk: Uint8Array) => {
      rest = concatBytes(rest, chunk);
      for (let end = frameEnd(rest); end !== undefined; end = frameEnd(rest)) {
        const frame = rest.slice(4, end);
        if (romAtWork && asksForLoader(frame)) romAtWork = false;
        const passed = romAtWork ? this.#disguise(frame) : frame;
        this.#toNetwork?.write(concatBytes(rest.subarray(0, 4), passed));
        rest = rest.subarray(end);
      }
    });
  }

  /** As long as before: what is taken out is made good by padding after the options. */
  #disguise(frame: Uint8Array): Uint8Array {
    const udp = udpPayload(frame, DHCP_PORT);
    if (udp === undefined) return frame;
    const message = decodeMessage(udp.payload);
    message.options.delete(OPT.userClass);
    message.options.delete(OPT.ipxe);
    const bytes = encodeMessage(message, udp.payload.length);
    udp.payload.fill(0);
    udp.payload.set(bytes);
    // No checksum (RFC 768): the old one is wrong now.
    frame.fill(0, udp.start + 6, udp.start + UDP_BYTES);
    this.disguised++;
    return frame;
  }
}

function frameEnd(bytes: Uint8Array): number | undefined {
  if (bytes.length < 4) return undefined;
  const end = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  return bytes.length < end ? undefined : end;
}

function asksForLoader(frame: Uint8Array): boolean {
  const udp = udpPayload(frame, TFTP_PORT);
  if (udp === undefined) return false;
  const packet = decodePacket(udp.payload);
  return packet.kind === 'rrq' && packet.path.endsWith(LOADER);
}

/** What a frame carries to a UDP port, as a view into it; `start` is where the UDP header is. */
function udpPayload(frame: Uint8Array, port: number): { start: number; payload: Uint8Array } | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  if (frame.length < ETHERNET_BYTES + 28 || view.getUint16(12) !== 0x0800) return undefined;
  const start = ETHERNET_BYTES + (view.getUint8(ETHERNET_BYTES) & 0x0f) * 4;
  if (view.getUint8(ETHERNET_BYTES + 9) !== UDP || view.getUint16(start + 2) !== port) return undefined;
  return { start, payload: frame.subarray(start + UDP_BYTES, start + view.getUint16(start + 4)) };
}
