import { redact } from './log.ts';

/** One exchange with a BMC as its protocol knows it; secrets may be in it. */
export type Exchange = Record<string, unknown> & { protocol: string };

/** Hears of every exchange. Not for logs: see `traceLine`. */
export type Trace = (exchange: Exchange) => void;

/** One line of JSON for a bug report, secrets taken out. @param secrets texts that must not stand in it either */
export function traceLine(exchange: Exchange, atMs: number, secrets: readonly string[]): string {
  const line = JSON.stringify({ at: new Date(atMs).toISOString(), ...(redact(exchange) as Exchange) });
  // A password may come back in places that no key names: in a message of the BMC, in a URL.
  return secrets
    .filter((s) => s !== '')
    .reduce((text, secret) => text.replaceAll(JSON.stringify(secret).slice(1, -1), '[redacted]'), line);
}
