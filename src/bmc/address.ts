import { isIP } from 'node:net';
import { bmcErrors } from './errors.ts';
import { type BmcDriver, REMOVED_SCHEMES, SCHEMES, type BmcScheme } from './schemes.ts';

/** `spec.bmc.address` taken apart. Anything like credentials in it is gone. */
export interface BmcAddress {
  /** As written, without user info. For messages. */
  text: string;
  /** Without `+http` or `+https`. */
  scheme: string;
  driver: BmcDriver;
  boot: BmcScheme['boot'];
  needsBootMac: boolean;
  /** Transport of the Redfish family. */
  transport: 'http' | 'https' | undefined;
  /** Name or address, IPv6 without brackets. */
  host: string;
  /** Undefined: the default of the transport. */
  port: number | undefined;
  /** Redfish System resource; empty or `/redfish/v1`: the only System there is. */
  path: string;
  query: ReadonlyMap<string, string>;
}

const IPMI_PORT = 623;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
/** scheme, authority, path, query, after the rules of Go's URL parser that Metal3 uses. */
const URL_PARTS = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/)?([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?$/i;
const BARE = /^(?:[^/:?#@[\]]+|\[[^\]]*\])(?::\d+)?$/;

/**
 * Parses a BMC address by Metal3's rules (metal3-compat §3.2): no scheme, or `host:port`, means ipmi; `scheme:host`
 * works without slashes; IPv6 needs brackets; user info is ignored.
 * @throws BMC_ADDRESS_INVALID, BMC_SCHEME_UNKNOWN, BMC_SCHEME_REMOVED
 */
export function parseBmcAddress(address: string): BmcAddress {
  const text = address.trim();
  if (text === '') throw bmcErrors.make('BMC_ADDRESS_INVALID', 'spec.bmc.address is empty');
  const bare = bareHost(text);
  const [, written = 'ipmi', authority = '', path = '', query = ''] = bare ?? URL_PARTS.exec(text) ?? [];
  const { scheme, transport, spec } = schemeOf(written.toLowerCase(), clean(text));
  const { host, port } = hostOf(authority.slice(authority.lastIndexOf('@') + 1), clean(text));
  return {
    text: clean(text),
    scheme,
    ...spec,
    transport,
    host,
    port: port ?? (spec.driver === 'ipmi' ? IPMI_PORT : undefined),
    path,
    query: new Map(new URLSearchParams(query)),
  };
}

/** `host`, `host:623`, `[fd00::1]:623`: ipmi without a scheme. `ipmi:host` is not one of them: its port is no number. */
function bareHost(text: string): string[] | undefined {
  return BARE.test(text) ? [text, 'ipmi', text] : undefined;
}

/** The address without user info, which may hold a password. */
function clean(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:(?:\/\/)?)?[^/?#]*@/i, '$1');
}

interface SchemeParts {
  scheme: string;
  transport: 'http' | 'https' | undefined;
  spec: BmcScheme;
}

function schemeOf(written: string, text: string): SchemeParts {
  const [scheme = '', suffix, ...more] = written.split('+');
  const removed = REMOVED_SCHEMES.get(scheme);
  if (removed !== undefined) {
    throw bmcErrors.make(
      'BMC_SCHEME_REMOVED',
      `spec.bmc.address ${text}: the driver ${removed} no longer exists in Metal3`,
    );
  }
  const spec = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined;
  const suffixFits = suffix === undefined || (spec?.driver === 'redfish' && /^https?$/.test(suffix));
  if (spec === undefined || !suffixFits || more.length > 0) {
    const known = Object.keys(SCHEMES).join(', ');
    throw bmcErrors.make(
      'BMC_SCHEME_UNKNOWN',
      `spec.bmc.address ${text}: unknown BMC type "${written}"; known are ${known}`,
    );
  }
  if (spec.driver === 'ipmi') return { scheme, transport: undefined, spec };
  return { scheme, transport: suffix === 'http' ? 'http' : 'https', spec };
}

function hostOf(authority: string, text: string): { host: string; port: number | undefined } {
  const invalid = (why: string) => bmcErrors.make('BMC_ADDRESS_INVALID', `spec.bmc.address ${text}: ${why}`);
  if (isIP(authority) === 6) throw invalid('an IPv6 address needs brackets');
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(authority);
  if (parts === null) throw invalid(`"${authority}" is not host[:port]`);
  const [, inBrackets, plain = '', portText] = parts;
  const host = inBrackets ?? plain;
  if (host === '') throw invalid('the host is missing');
  if (inBrackets !== undefined && isIP(inBrackets) !== 6) throw invalid(`"${inBrackets}" is not an IPv6 address`);
  if (inBrackets === undefined && !isHostname(host)) throw invalid(`"${host}" is neither an address nor a host name`);
  if (portText === undefined || portText === '') return { host, port: undefined };
  const port = Number(portText);
  if (!/^\d+$/.test(portText) || port < 1 || port > 65535) throw invalid(`"${portText}" is not a port`);
  return { host, port };
}

function isHostname(host: string): boolean {
  if (isIP(host) === 4) return true;
  const labels = host.replace(/\.$/, '').split('.');
  // Four numbers that are no IPv4 address are a typo, not a name.
  return host.length <= 253 && labels.every((l) => LABEL.test(l)) && !labels.every((l) => /^\d+$/.test(l));
}
