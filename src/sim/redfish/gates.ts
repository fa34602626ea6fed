import { Refusal } from './messages.ts';
import type { RedfishService } from './service.ts';

/**
 * Passes a write of the machine's configuration, or refuses it the way busy BMCs do: while the firmware runs, and while
 * an earlier write is still being worked on.
 */
export function passConfigWrite(service: RedfishService): void {
  const post = service.quirks.find('post-refuses');
  if (post !== undefined && service.machine.posting()) throw new Refusal(400, vendorId(post.messageId));
  const busy = service.quirks.find('busy-after-write');
  const now = service.clock.monotonic();
  if (busy !== undefined && service.lastWrite !== undefined && now - service.lastWrite < busy.ms) {
    throw new Refusal(busy.status, vendorId(busy.messageId), [], { headers: { 'Retry-After': '1' } });
  }
  service.lastWrite = now;
}

export function passPowerAction(service: RedfishService, resetType: string): void {
  const conflict = service.quirks.find('power-conflict');
  const now = service.clock.monotonic();
  if (conflict !== undefined && service.lastPower !== undefined && now - service.lastPower < conflict.ms) {
    throw new Refusal(409, vendorId(conflict.messageId), ['ResetType', resetType]);
  }
  service.lastPower = now;
}

/** Personalities write ids as plain text; those of vendors have dots. */
export function vendorId(text: string): `${string}.${string}` {
  return text.includes('.') ? (text as `${string}.${string}`) : `Base.1.12.${text}`;
}
