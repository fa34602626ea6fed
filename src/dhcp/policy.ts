import type { Ipv4 } from '../wire/ipv4.ts';

/** What a request says about the machine, gathered once (`dhcp/facts.ts`) and handed to policy. */
export interface ClientFacts {
  mac: string;
  /** Stage that is asking: firmware PXE ROM, UEFI HTTP boot, iPXE, our ramdisk or an OS, … */
  stage: 'pxe' | 'http' | 'ipxe' | 'other';
  /** RFC 4578 client architecture (option 93), undefined when absent. */
  arch: number | undefined;
  vendorClass: string | undefined;
  userClass: string[];
  /** Option 97 type 0, canonical text form. */
  uuid: string | undefined;
  hostname: string | undefined;
  /** 0 when not relayed. */
  relay: Ipv4;
}

/**
 * The seam to `boot/`: what a client is told about booting. Pure and fast; called for each request.
 * @param at our address on the interface the request came in on, relayed or not: the one the client is sent to
 */
export type BootPolicy = (client: ClientFacts, at: Ipv4) => BootAnswer;

export type BootAnswer =
  /** Not ours: no answer at all, and why. */
  | { kind: 'silent'; reason: string }
  /** An address and nothing about booting. */
  | { kind: 'address'; reason: string }
  | {
      kind: 'boot';
      /** Option 67 / `file`: TFTP path or URL. */
      file: string;
      /** Next server (`siaddr`, option 66). */
      server: Ipv4;
      /** iPXE gets 175.176 = 1, do not wait for proxyDHCP. */
      reason: string;
    };
