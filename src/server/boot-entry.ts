import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { keyOf } from '../api/meta.ts';
import { decideEntry } from '../boot/entry.ts';
import { bootErrors } from '../boot/errors.ts';
import { renderEntry } from '../boot/scripts.ts';
import { isMac, normalizeMac } from '../wire/mac.ts';
import { type BootHttpDoors, type EntryDoors, localAddress, plainAddress, sendScript } from './boot-http.ts';

/**
 * `/boot.ipxe`, the one URL that a foreign DHCP server can be configured with, and `/boot/<mac>`, where it leads. A
 * machine that nothing is planned for gets 404, the HTTP for a DHCP server's silence.
 */
export function entryRoutes(app: FastifyInstance, doors: BootHttpDoors, entry: EntryDoors): void {
  const { book, timeline } = doors;
  // Nothing protects these two but the boot network itself, which is one of IPv4: no address beyond it opens them.
  const onRequest = (request: FastifyRequest, _reply: FastifyReply, next: (error?: Error) => void) => {
    const foreign = plainAddress(request.ip).includes(':');
    next(foreign ? bootErrors.make('BOOT_NOTHING', 'machines boot by IPv4') : undefined);
  };

  // The second name is where iPXE 1.21 and later looks that firmware has fetched by HTTP.
  for (const path of ['/boot.ipxe', '/loader/autoexec.ipxe']) {
    app.get(path, { onRequest }, (request, reply) =>
      reply.type('text/plain').send(renderEntry(`http://${localAddress(request)}:${request.socket.localPort}`)),
    );
  }

  app.get<{ Params: { mac: string } }>('/boot/:mac', { onRequest }, async (request, reply) => {
    if (!isMac(request.params.mac)) throw bootErrors.make('BOOT_NOTHING', 'not a MAC address');
    const mac = normalizeMac(request.params.mac);
    const owner = book.hosts.byMac(mac);
    const host = owner.kind === 'host' ? keyOf(owner.host) : undefined;
    const answer = decideEntry(mac, owner, host === undefined ? {} : book.status(host));
    const ip = plainAddress(request.ip);
    if (host !== undefined) entry.seen(ip, mac);
    if (answer.kind === 'script') return sendScript(doors, request, reply, mac);
    entry.log.info('nothing to boot', { mac, ip, reason: answer.reason });
    if (host !== undefined) {
      timeline.add(host, { source: 'http', kind: 'http-silent', text: `${mac} asked what to boot: ${answer.reason}` });
    }
    throw bootErrors.make('BOOT_NOTHING', answer.reason);
  });
}
