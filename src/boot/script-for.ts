import type { BareMetalHost } from '../api/baremetalhost.ts';
import { keyOf, keyText } from '../api/meta.ts';
import type { HostProgressStatus } from '../api/hostprogress.ts';
import type { BootScript } from './scripts.ts';
import type { AgentTokens } from './tokens.ts';
import type { UrlSigner } from './url-signing.ts';

/** What scripts are made with, as the machine that asks reaches it. */
export interface ScriptServer {
  /** `http://10.77.0.1:8080` */
  httpBase: string;
  /** `https://10.77.0.1:8443` */
  agentServer: string;
  /** `sha256:<hex>` of the agent API's certificate. */
  fingerprint: string;
  /** More kernel arguments: consoles. */
  kernelArguments: string;
  diskLoader: boolean;
  signer: UrlSigner;
  tokens: AgentTokens;
  nowMs: number;
}

/** URLs in a script are used within seconds; a machine that takes longer asks for a new script. */
const URL_MS = 3600_000;

/** The scope that a machine's script URL is signed for. */
export function scriptScope(mac: string): string {
  return `boot/${mac.replaceAll(':', '-')}`;
}

/**
 * The script for a machine of this host that boots from `mac` now. Pure. A machine whose token is used waits: the
 * engine finds out why it is here again, and makes a new attempt.
 */
export function scriptFor(
  host: BareMetalHost,
  mac: string,
  status: HostProgressStatus,
  server: ScriptServer,
): BootScript {
  const name = keyText(keyOf(host));
  const expires = server.nowMs + URL_MS;
  const scriptUrl = server.httpBase + server.signer.path(scriptScope(mac), 'script.ipxe', expires);
  const intent = status.boot?.intent ?? 'none';
  if (intent === 'disk') {
    return { kind: 'disk', host: name, loaderBase: server.diskLoader ? `${server.httpBase}/loader` : undefined };
  }
  if (intent === 'none') return { kind: 'wait', host: name, reason: 'nothing is to be booted now', scriptUrl };
  const attempt = status.attempt ?? 0;
  if (status.agent?.attempt === attempt) {
    return { kind: 'wait', host: name, reason: 'its agent has registered already', scriptUrl };
  }
  const fileUrl = (file: string) => server.httpBase + server.signer.path('ramdisk', file, expires);
  return {
    kind: 'ramdisk',
    host: name,
    attempt,
    kernelUrl: fileUrl('vmlinuz'),
    ramdiskUrl: fileUrl('ramdisk.zst'),
    scriptUrl,
    agentServer: server.agentServer,
    fingerprint: server.fingerprint,
    token: server.tokens.bootToken({ hostUid: host.metadata.uid ?? '', attempt }, mac),
    extra: server.kernelArguments,
  };
}
