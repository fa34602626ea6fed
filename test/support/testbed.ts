/** A real etcd + kube-apiserver (+ garbage collection and namespaces) on loopback, thrown away at the end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sleep, systemClock } from '../../src/core/clock.ts';
import { exec } from '../../src/core/exec.ts';

export interface Testbed {
  /** Path of an administrator's kubeconfig. */
  kubeconfig: string;
  /** Path of the kubectl of the same version. */
  kubectl: string;
  close(): Promise<void>;
}

const ROOT = path.resolve(import.meta.dirname, '../..');
const READY_MS = 90_000;

/** Builds (or finds) the binaries and starts them. */
export async function startTestbed(): Promise<Testbed> {
  const bin = (await exec(path.join(ROOT, 'hack/testbed/build'), [])).stdout.trim();
  const dir = await mkdtemp(path.join(tmpdir(), 'ingot-testbed-'));
  const children: ChildProcess[] = [];
  const close = async () => {
    for (const child of children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      // Nothing here is worth a graceful stop, which takes five seconds.
      child.kill('SIGKILL');
      await ended;
    }
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const [client, peer, secure] = [await freePort(), await freePort(), await freePort()];
    await makePki(dir);
    const run = async (name: string, args: string[]) => {
      const log = await open(path.join(dir, `${name}.log`), 'w');
      // Dies with us, also when the test runner is killed.
      const command = ['--pdeathsig', 'KILL', path.join(bin, name), ...args];
      children.push(spawn('setpriv', command, { cwd: dir, stdio: ['ignore', log.fd, log.fd] }));
      await log.close();
    };
    await run('etcd', etcdArgs(client, peer));
    await run('kube-apiserver', apiserverArgs(client, secure));
    const kubeconfig = path.join(dir, 'kubeconfig');
    await writeFile(kubeconfig, await kubeconfigText(dir, secure), { mode: 0o600 });
    const kubectl = path.join(bin, 'kubectl');
    await untilReady(kubectl, kubeconfig, dir);
    await run('kube-controller-manager', [
      `--kubeconfig=${kubeconfig}`,
      '--controllers=garbage-collector-controller,namespace-controller',
      '--secure-port=0',
      '--leader-elect=false',
      '--use-service-account-credentials=false',
    ]);
    return { kubeconfig, kubectl, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function etcdArgs(client: number, peer: number): string[] {
  return [
    '--data-dir=etcd',
    '--unsafe-no-fsync',
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=default=http://127.0.0.1:${peer}`,
  ];
}

function apiserverArgs(etcd: number, port: number): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcd}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    '--endpoint-reconciler-type=none',
    '--tls-cert-file=server.crt',
    '--tls-private-key-file=server.key',
    '--client-ca-file=ca.crt',
    '--service-account-key-file=sa.key',
    '--service-account-signing-key-file=sa.key',
    '--service-account-issuer=https://kubernetes.default.svc',
    '--service-cluster-ip-range=10.96.0.0/24',
    '--authorization-mode=RBAC',
    '--disable-admission-plugins=ServiceAccount',
    '--cert-dir=certs',
  ];
}

async function makePki(dir: string): Promise<void> {
  const ssl = (...args: string[]) => exec('openssl', args, { cwd: dir });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const ca = ['-CA', 'ca.crt', '-CAkey', 'ca.key'];
  await ssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=testbed', '-days', '2');
  const san = 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default.svc';
  await ssl(
    'req',
    '-x509',
    ...ca,
    ...key,
    '-keyout',
    'server.key',
    '-out',
    'server.crt',
    '-subj',
    '/CN=apiserver',
    '-days',
    '2',
    '-addext',
    san,
    '-addext',
    'basicConstraints=CA:FALSE',
  );
  await ssl(
    'req',
    '-x509',
    ...ca,
    ...key,
    '-keyout',
    'admin.key',
    '-out',
    'admin.crt',
    '-subj',
    '/O=system:masters/CN=admin',
    '-days',
    '2',
    '-addext',
    'extendedKeyUsage=clientAuth',
    '-addext',
    'basicConstraints=CA:FALSE',
  );
  await ssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'sa.key');
}

async function kubeconfigText(dir: string, port: number): Promise<string> {
  const b64 = async (file: string) => (await readFile(path.join(dir, file))).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 't',
        cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': await b64('ca.crt') },
      },
    ],
    users: [
      {
        name: 't',
        user: { 'client-certificate-data': await b64('admin.crt'), 'client-key-data': await b64('admin.key') },
      },
    ],
    contexts: [{ name: 't', context: { cluster: 't', user: 't' } }],
    'current-context': 't',
  });
}

async function untilReady(kubectl: string, kubeconfig: string, dir: string): Promise<void> {
  const end = systemClock.monotonic() + READY_MS;
  for (;;) {
    const answer = await exec(kubectl, [`--kubeconfig=${kubeconfig}`, 'get', '--raw', '/readyz'], { ok: [0, 1] });
    if (answer.stdout.trim() === 'ok') return;
    if (systemClock.monotonic() > end) {
      const log = await readFile(path.join(dir, 'kube-apiserver.log'), 'utf8').catch(() => '');
      throw new Error(`kube-apiserver not ready after ${READY_MS} ms: ${answer.stderr}\n${log.slice(-2000)}`);
    }
    await sleep(systemClock, 200);
  }
}

/** A TCP port of loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
