import { keyOf, keyText } from '../api/meta.ts';
import type { HostProgressStatus } from '../api/hostprogress.ts';
import { unreachable } from '../core/errors.ts';
import type { BootAnswer, ClientFacts } from '../dhcp/policy.ts';
import type { Ipv4 } from '../wire/ipv4.ts';
import type { MacOwner } from './host-index.ts';
import { loaderFor } from './loaders.ts';

/** The server as the client's network sees it. */
export interface BootServer {
  address: Ipv4;
  /** `http://10.77.0.1:8080` */
  httpBase: string;
  /** Signed path of this machine's iPXE script. */
  scriptPath(mac: string): string;
}

/**
 * What this machine boots now. Pure: one DHCP request, whose it is, and what is planned for that host.
 * Unknown machines get silence; known ones get an address always, and something to boot only when it is planned.
 */
export function decideBoot(
  client: ClientFacts,
  owner: MacOwner,
  progress: HostProgressStatus,
  server: BootServer,
): BootAnswer {
  switch (owner.kind) {
    case 'unknown':
      return { kind: 'silent', reason: `no BareMetalHost has the boot MAC address ${client.mac}` };
    case 'ambiguous':
      return { kind: 'silent', reason: `${owner.hosts.join(' and ')} both claim ${client.mac}` };
    case 'host':
      return answerHost(client, keyText(keyOf(owner.host)), progress, server);
    default:
      return unreachable(owner);
  }
}

function answerHost(client: ClientFacts, host: string, progress: HostProgressStatus, server: BootServer): BootAnswer {
  if (client.stage === 'other') return { kind: 'address', reason: `address for ${host}` };
  const intent = progress.boot?.intent ?? 'none';
  if (intent === 'none') return { kind: 'silent', reason: `${host} is not meant to boot from the network now` };
  if (client.stage === 'ipxe') {
    const file = server.httpBase + server.scriptPath(client.mac);
    return { kind: 'boot', file, server: server.address, reason: `${host}: iPXE script (${intent})` };
  }
  return firstStage(client, host, intent, server);
}

function firstStage(client: ClientFacts, host: string, intent: 'ramdisk' | 'disk', server: BootServer): BootAnswer {
  const loader = loaderFor(client.arch);
  if ('unsupported' in loader) {
    return { kind: 'silent', reason: `${host}: there is no boot loader for ${loader.unsupported}` };
  }
  const { file } = loader;
  const path = client.stage === 'http' ? `${server.httpBase}/loader/${file}` : file;
  return { kind: 'boot', file: path, server: server.address, reason: `${host}: ${file} (${intent})` };
}
