import { isIP } from 'node:net';
import type { BareMetalHost } from '../../api/baremetalhost.ts';
import type { Secret } from '../../api/core-types.ts';
import { bmcErrors } from '../../bmc/errors.ts';
import { credentialsName, readCredentials } from '../../host/credentials.ts';
import { getObject, readAccess } from '../api-client.ts';
import { hostName } from '../host-name.ts';
import { type PasswordOptions, readPassword } from './password.ts';

/** A BMC as a person names it on the command line. */
export type TargetName =
  | { kind: 'address'; address: string; username: string | undefined }
  | { kind: 'host'; name: string };

export interface TargetOptions extends PasswordOptions {
  username?: string;
  namespace?: string;
  kubeconfig?: string;
  data: string;
  insecure?: boolean;
}

export interface BmcTarget {
  /** Without credentials. */
  address: string;
  username: string;
  password: string;
  /** Of the Secret of a host. */
  ca?: string;
  disableCertificateVerification: boolean;
  /** The host object, when the target is one: its annotations count too. */
  host?: BareMetalHost;
}

/**
 * `ipmi://admin@10.0.0.5`, `redfish://…`, `10.0.0.5`, `10.0.0.5:6230` are addresses; everything else names a
 * BareMetalHost, `NAME` or `NAMESPACE/NAME`. A password in the address is refused: it would stand in the process list.
 * @throws BMC_CREDENTIALS_INVALID
 */
export function parseTarget(text: string): TargetName {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0] ?? '';
  const rest = text.slice(scheme.length);
  const bare = /^(?:[^@/]*@)?(\[[^\]]*\]|[^:/]*)(?::\d+)?$/.exec(rest)?.[1] ?? '';
  // Two slashes are in no name of a host: an address with its colon forgotten is told what is wrong with it.
  const isAddress = scheme !== '' || rest.includes('//') || isIP(bare.replace(/^\[|\]$/g, '')) !== 0;
  if (!isAddress) return { kind: 'host', name: text };
  const at = /^([^/?#]*)@/.exec(rest);
  if (at === null) return { kind: 'address', address: text, username: undefined };
  const [user = '', ...password] = (at[1] ?? '').split(':');
  if (password.length > 0) {
    throw bmcErrors.make(
      'BMC_CREDENTIALS_INVALID',
      'a password does not belong in the address, where everybody sees it',
      {
        hint: 'leave it out: it is asked for, or read from a file or the environment',
      },
    );
  }
  return { kind: 'address', address: `${scheme}${rest.slice(at[0].length)}`, username: decodeURIComponent(user) };
}

/** Address and credentials of a target: from the host object and its Secret, or from the person. */
export async function resolveTarget(text: string, options: TargetOptions): Promise<BmcTarget> {
  const target = parseTarget(text);
  if (target.kind === 'host') return fromHost(target.name, options);
  const username = options.username ?? target.username;
  if (username === undefined || username === '') {
    throw bmcErrors.make('BMC_CREDENTIALS_INVALID', 'no user name for the BMC', {
      hint: 'write ipmi://NAME@ADDRESS or give --username',
    });
  }
  const password = await readPassword(options, `Password of ${username} at ${target.address}: `);
  return { address: target.address, username, password, disableCertificateVerification: options.insecure === true };
}

async function fromHost(text: string, options: TargetOptions): Promise<BmcTarget> {
  const access = await readAccess(options.kubeconfig, options.data);
  const { namespace, name } = hostName(text, options.namespace ?? access.namespace);
  const where = `namespaces/${encodeURIComponent(namespace)}`;
  const path = `/apis/metal3.io/v1alpha1/${where}/baremetalhosts/${encodeURIComponent(name)}`;
  const host = (await getObject(access, path, `BareMetalHost ${namespace}/${name}`)) as BareMetalHost;
  const secretName = credentialsName(host);
  const secretPath = `/api/v1/${where}/secrets/${encodeURIComponent(secretName)}`;
  const secret = (await getObject(access, secretPath, `Secret ${namespace}/${secretName}`)) as Secret;
  const { address = '', disableCertificateVerification = false } = host.spec.bmc ?? {};
  return {
    address,
    ...readCredentials(secret),
    disableCertificateVerification: disableCertificateVerification || options.insecure === true,
    host,
  };
}
