import { X509Certificate } from 'node:crypto';
import { type SecureContext, type TLSSocket, createSecureContext, getCACertificates } from 'node:tls';
import { redfishErrors } from './errors.ts';

/** Whom a connection believes. */
export interface TlsTrust {
  /** `spec.bmc.disableCertificateVerification`, inverted. A fingerprint counts all the same. */
  verify: boolean;
  /** SHA-256 of the certificate, 64 hexadecimal digits. It alone decides, whoever signed it and for whatever name. */
  fingerprint?: string;
  /** PEM certificates to trust beside those of the system. */
  ca?: string;
}

const FINGERPRINT = /^\s*sha-?256(?: fingerprint)?[:=]([0-9a-f:]+)\s*$/i;

/**
 * `sha256:` and the digits, with or without colons between them, as `openssl x509 -fingerprint` prints them.
 * @throws REDFISH_TLS_SETTINGS
 */
export function parseFingerprint(text: string): string {
  const digits = FINGERPRINT.exec(text)?.[1]?.replaceAll(':', '').toLowerCase();
  if (digits?.length === 64) return digits;
  throw redfishErrors.make('REDFISH_TLS_SETTINGS', `"${text}" is not a fingerprint like sha256:9f86d081…`);
}

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * The certificates of a PEM file.
 * @param where for the message: "key ca.crt of the Secret"
 * @throws REDFISH_TLS_SETTINGS
 */
export function parseCa(text: string, where: string): string[] {
  const found = text.match(PEM) ?? [];
  for (const pem of found) {
    try {
      void new X509Certificate(pem);
    } catch (error) {
      throw redfishErrors.make('REDFISH_TLS_SETTINGS', `${where}: a certificate in it cannot be read`, {
        cause: error,
      });
    }
  }
  if (found.length === 0) throw redfishErrors.make('REDFISH_TLS_SETTINGS', `${where} holds no PEM certificate`);
  return found;
}

/** As many as there are different CA bundles; each holds the certificates of the system too. */
const contexts = new Map<string, SecureContext>();
const MAX_CONTEXTS = 64;

/** A context holds hundreds of certificates: connections with the same CAs share one. @throws REDFISH_TLS_SETTINGS */
export function contextFor(trust: TlsTrust): SecureContext {
  const bySignature = trust.verify && trust.fingerprint === undefined;
  const key = bySignature ? (trust.ca ?? '') : 'any';
  const known = contexts.get(key);
  if (known !== undefined) return known;
  // Where nothing hangs on the strength of a signature, the short keys of old BMCs are let in.
  const made = bySignature
    ? createSecureContext({ ca: [...systemCas(), ...(key === '' ? [] : parseCa(key, 'the CA of the BMC'))] })
    : createSecureContext({ ciphers: 'DEFAULT@SECLEVEL=1', ca: [] });
  if (contexts.size >= MAX_CONTEXTS) contexts.delete(contexts.keys().next().value ?? '');
  contexts.set(key, made);
  return made;
}

function systemCas(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}

/**
 * Is this the BMC that it should be? Asked after the handshake and before the first byte of a request.
 * @param address for messages
 * @returns REDFISH_TLS_UNTRUSTED when it is not
 */
export function distrust(socket: TLSSocket, trust: TlsTrust, address: string) {
  const certificate = socket.getPeerX509Certificate();
  const seen = certificate?.fingerprint256.replaceAll(':', '').toLowerCase() ?? '';
  const untrusted = (why: string) =>
    redfishErrors.make('REDFISH_TLS_UNTRUSTED', `${address}: ${why}; its fingerprint is sha256:${seen}`, {
      seen: { fingerprint: `sha256:${seen}`, subject: certificate?.subject, issuer: certificate?.issuer },
    });
  if (trust.fingerprint !== undefined) {
    return seen === trust.fingerprint
      ? undefined
      : untrusted(`the certificate is not the pinned sha256:${trust.fingerprint}`);
  }
  if (!trust.verify || socket.authorized) return undefined;
  const why = reason(String(socket.authorizationError), certificate);
  return untrusted(`the certificate is not trusted: ${why}`);
}

/** What OpenSSL's words mean. */
function reason(code: string, certificate: X509Certificate | undefined): string {
  switch (code) {
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return 'it is self-signed';
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
      return 'its CA is not known here';
    case 'CERT_HAS_EXPIRED':
      return `it has expired on ${certificate?.validTo ?? 'an unknown day'}, by the clock of this machine`;
    // BMCs make their certificate at their first start, when their clock may be years off.
    case 'CERT_NOT_YET_VALID':
      return `it is valid from ${certificate?.validFrom ?? 'an unknown day'} on: the clock of the BMC or of this machine is wrong`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'it was made for another name or address than the one in spec.bmc.address';
    default:
      return code;
  }
}
