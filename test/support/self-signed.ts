import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '../../src/core/exec.ts';

export interface Pair {
  key: string;
  cert: string;
}

/** A key and a certificate that is its own CA, PEM, as most BMCs have them. */
export async function selfSignedPair(subject = 'bmc', san = 'IP:127.0.0.1'): Promise<Pair> {
  const dir = await mkdtemp(join(tmpdir(), 'ingot-tls-'));
  const [key, cert] = [join(dir, 'key'), join(dir, 'cert')];
  const files = ['-keyout', key, '-out', cert, '-addext', `subjectAltName=${san}`];
  try {
    await exec('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${subject}`, ...files]);
    return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
  } finally {
    await rm(dir, { recursive: true });
  }
}
