import { X509Certificate, createHash, createPrivateKey } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import { exec } from '../core/exec.ts';

export interface ServingCert {
  certPem: string;
  keyPem: string;
  caPem: string;
  /** SHA-256 of the DER serving certificate, lower-case hex: what agents pin. */
  fingerprintSha256: string;
}

export interface ServingCertOptions {
  /** Folder for keys and certificates; made when absent, kept over restarts. */
  dir: string;
  /** DNS names the certificate is for. */
  names: readonly string[];
  /** IP addresses the certificate is for. */
  ips: readonly string[];
  signal?: AbortSignal;
}

const CA_DAYS = 3650;
/** Apple's limit for certificates that people import; renewed long before. */
const SERVING_DAYS = 825;
const RENEW_BEFORE_MS = 30 * 24 * 3600_000;

/**
 * The serving certificate of this installation, signed by a CA of its own. Made at the first call; later calls return the
 * same one, because agents on their way have its fingerprint, unless it lacks a name or address or is about to expire.
 * @param now ms, for the expiry check
 * @throws EXEC_MISSING when openssl is not installed, EXEC_FAILED
 */
export async function ensureServingCert(options: ServingCertOptions, now: number): Promise<ServingCert> {
  const { dir } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if (!(await exists(path.join(dir, 'ca.crt')))) await makeCa(dir, options.signal);
  const caPem = await readFile(path.join(dir, 'ca.crt'), 'utf8');
  const current = await readPair(dir);
  if (current === undefined || !serves(current.certPem, caPem, options, now)) await makeServing(dir, options);
  const pair = await readPair(dir);
  if (pair === undefined) throw new Error(`no serving certificate in ${dir}`);
  const der = new X509Certificate(pair.certPem).raw;
  return { ...pair, caPem, fingerprintSha256: createHash('sha256').update(der).digest('hex') };
}

function serves(certPem: string, caPem: string, wanted: ServingCertOptions, now: number): boolean {
  const cert = new X509Certificate(certPem);
  if (!cert.verify(new X509Certificate(caPem).publicKey)) return false;
  if (Date.parse(cert.validTo) - now < RENEW_BEFORE_MS) return false;
  return (
    wanted.names.every((name) => cert.checkHost(name) !== undefined) &&
    wanted.ips.every((ip) => cert.checkIP(ip) !== undefined)
  );
}

async function makeCa(dir: string, signal: AbortSignal | undefined): Promise<void> {
  await inScratch(dir, async (scratch) => {
    const config = [
      '[req]',
      'distinguished_name=dn',
      'x509_extensions=ext',
      'prompt=no',
      '[dn]',
      'CN=Ingot CA',
      '[ext]',
      'basicConstraints=critical,CA:TRUE,pathlen:0',
      'keyUsage=critical,keyCertSign,cRLSign',
      'subjectKeyIdentifier=hash',
    ];
    const file = path.join(scratch, 'ca.cnf');
    await writeFile(file, `${config.join('\n')}\n`);
    const key = path.join(scratch, 'ca.key');
    const crt = path.join(scratch, 'ca.crt');
    await openssl(['req', '-x509', '-config', file, ...newKey(key), '-out', crt, '-days', String(CA_DAYS)], signal);
    await install([key, crt], dir);
  });
}

async function makeServing(dir: string, options: ServingCertOptions): Promise<void> {
  await inScratch(dir, async (scratch) => {
    const file = path.join(scratch, 'server.cnf');
    await writeFile(file, `${servingConfig(options).join('\n')}\n`);
    const key = path.join(scratch, 'server.key');
    const csr = path.join(scratch, 'server.csr');
    const crt = path.join(scratch, 'server.crt');
    await openssl(['req', '-new', '-config', file, ...newKey(key), '-out', csr], options.signal);
    const ca = ['-CA', path.join(dir, 'ca.crt'), '-CAkey', path.join(dir, 'ca.key')];
    const serial = ['-CAserial', path.join(scratch, 'serial'), '-CAcreateserial'];
    const extensions = ['-extfile', file, '-extensions', 'ext'];
    const days = ['-days', String(SERVING_DAYS)];
    await openssl(['x509', '-req', '-in', csr, ...ca, ...serial, ...extensions, ...days, '-out', crt], options.signal);
    await install([key, crt], dir);
  });
}

function servingConfig(options: ServingCertOptions): string[] {
  const names = options.names.map((name, i) => `DNS.${i + 1}=${checkedName(name)}`);
  const ips = options.ips.map((ip, i) => `IP.${i + 1}=${checkedIp(ip)}`);
  return [
    '[req]',
    'distinguished_name=dn',
    'prompt=no',
    '[dn]',
    'CN=ingot',
    '[ext]',
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=serverAuth',
    'subjectKeyIdentifier=hash',
    'authorityKeyIdentifier=keyid',
    'subjectAltName=@san',
    '[san]',
    ...names,
    ...ips,
  ];
}

/** Names and addresses go into a configuration file of openssl: nothing but what they must be made of is let in. */
function checkedName(name: string): string {
  if (!/^[A-Za-z0-9*]([A-Za-z0-9.-]{0,252})$/.test(name)) throw new Error(`not a DNS name: ${JSON.stringify(name)}`);
  return name;
}

function checkedIp(ip: string): string {
  if (isIP(ip) === 0) throw new Error(`not an IP address: ${JSON.stringify(ip)}`);
  return ip;
}

function newKey(file: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file];
}

async function openssl(args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  await exec('openssl', args, signal === undefined ? {} : { signal });
}

async function inScratch(dir: string, work: (scratch: string) => Promise<void>): Promise<void> {
  const scratch = await mkdtemp(path.join(dir, '.new-'));
  try {
    await work(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Moves finished files into place, the key first: a crash between the two leaves a pair that does not verify, and is remade. */
async function install(files: readonly string[], dir: string): Promise<void> {
  for (const file of files) {
    await chmod(file, 0o600);
    await rename(file, path.join(dir, path.basename(file)));
  }
}

async function readPair(dir: string): Promise<{ certPem: string; keyPem: string } | undefined> {
  const crt = path.join(dir, 'server.crt');
  const key = path.join(dir, 'server.key');
  if (!(await exists(crt)) || !(await exists(key))) return undefined;
  const pair = { certPem: await readFile(crt, 'utf8'), keyPem: await readFile(key, 'utf8') };
  return belongs(pair.certPem, pair.keyPem) ? pair : undefined;
}

function belongs(certPem: string, keyPem: string): boolean {
  try {
    return new X509Certificate(certPem).checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await readFile(file);
    return true;
  } catch {
    return false;
  }
}
