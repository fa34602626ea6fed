import { KERNEL_ARGS } from '../agent-protocol/messages.ts';
import { isMac, normalizeMac } from '../wire/mac.ts';
import { agentErrors } from './errors.ts';

/** What the boot loader told the agent. */
export interface AgentConfig {
  /** Base URL of the agent API without a slash at its end. */
  server: string;
  /** SHA-256 of the server's certificate in DER form, lower-case hex without colons. */
  fingerprint: string;
  token: string;
  /** MAC of the NIC that booted, canonical. */
  bootMac: string | undefined;
}

/**
 * Reads the agent's settings from a kernel command line. Of an argument given twice the last one counts, as the kernel does.
 * @throws AGENT_CMDLINE naming the argument
 */
export function parseCmdline(text: string): AgentConfig {
  const args = new Map<string, string>();
  for (const word of text.trim().split(/\s+/)) {
    const equals = word.indexOf('=');
    if (equals > 0) args.set(word.slice(0, equals), word.slice(equals + 1));
  }
  const need = (name: string): string => {
    const value = args.get(name);
    if (value === undefined || value === '')
      throw agentErrors.make('AGENT_CMDLINE', `kernel argument ${name} is missing`);
    return value;
  };
  return {
    server: serverUrl(need(KERNEL_ARGS.server)),
    fingerprint: certificateFingerprint(need(KERNEL_ARGS.fingerprint)),
    token: need(KERNEL_ARGS.token),
    bootMac: bootMac(args.get(KERNEL_ARGS.bootif)),
  };
}

function serverUrl(text: string): string {
  if (!URL.canParse(text) || new URL(text).protocol !== 'https:') {
    throw agentErrors.make('AGENT_CMDLINE', `kernel argument ${KERNEL_ARGS.server} is not an https URL`);
  }
  return text.replace(/\/+$/, '');
}

function certificateFingerprint(text: string): string {
  const hex = /^sha256:([0-9a-f:]+)$/i.exec(text)?.[1]?.replaceAll(':', '').toLowerCase();
  if (hex?.length !== 64) {
    throw agentErrors.make('AGENT_CMDLINE', `kernel argument ${KERNEL_ARGS.fingerprint} is not sha256:<64 hex digits>`);
  }
  return hex;
}

/** iPXE and pxelinux put the hardware type before the address: `01-52-54-00-12-34-56`. */
function bootMac(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const mac = text.replace(/^01-(?=.{17}$)/, '');
  return isMac(mac) ? normalizeMac(mac) : undefined;
}
