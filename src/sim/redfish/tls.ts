import { isIP } from 'node:net';
import { exec } from '../../core/exec.ts';

export interface BmcCertificate {
  certPem: string;
  keyPem: string;
}

const made = new Map<string, Promise<BmcCertificate>>();

/**
 * A self-signed certificate for an address, as BMCs leave the factory. One per address and process: keys take time.
 * @throws EXEC_MISSING, EXEC_FAILED (openssl)
 */
export function selfSigned(address: string): Promise<BmcCertificate> {
  const known = made.get(address);
  if (known !== undefined) return known;
  const making = make(address);
  made.set(address, making);
  making.catch(() => made.delete(address));
  return making;
}

async function make(address: string): Promise<BmcCertificate> {
  const san = isIP(address) === 0 ? 'DNS:localhost' : `IP:${address}`;
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', '-'];
  const subject = ['-days', '825', '-subj', '/O=Ingot simulator/CN=bmc.sim', '-addext', `subjectAltName=${san}`];
  const { stdout } = await exec('openssl', ['req', '-x509', ...key, ...subject]);
  const part = (label: string) =>
    new RegExp(`-----BEGIN ${label}-----[\\s\\S]*?-----END ${label}-----\n`).exec(stdout)?.[0] ?? '';
  return { certPem: part('CERTIFICATE'), keyPem: part('PRIVATE KEY') };
}
