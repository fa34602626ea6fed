/**
 * Logging interface of every room. `core/log-pino.ts` is the server's implementation; the agent has its own.
 * Fields are plain values; secrets are kept out by `redact`, which both implementations apply.
 */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
  /** A logger that adds `fields` to every line. */
  child(fields: Record<string, unknown>): Logger;
}

export const REDACTED = '[redacted]';

/** Keys whose values never leave the process, compared without case, dashes and underscores. */
const SECRET_KEYS = new Set([
  'password',
  'passwd',
  'userdata',
  'token',
  'sessionkey',
  'authorization',
  'secret',
  'credentials',
  'kg',
  'privatekey',
  'stringdata',
  'httpheaders',
  'xauthtoken',
]);

const SECRET_ENDING = /(?:password|passphrase|communitystring|privatekey)$/;

/** Values that look like our signed URLs or tokens on a kernel command line. */
const SECRET_TEXT = /((?:token|sig|password|authorization)["']?\s*[=:]\s*["']?(?:bearer\s+)?)[^\s"'&]+/gi;

/**
 * The signature in the path of a machine's ISO (`boot/ramdisk-media.ts`) or of the receiver of its BMC's events
 * (`boot/event-urls.ts`): some BMCs refuse URLs with a query.
 */
const SECRET_SEGMENT = /(\/(?:media\/[^/\s"']+\/\d+|redfish-events\/[^/\s"']+)\/)[^/\s"']+/g;

/** The password of `http://user:password@host/`. */
const SECRET_USERINFO = /(:\/\/[^\s/:@"']*:)[^\s/@"']+@/g;

/** A copy of `value` with secrets replaced; depth and size are bounded, so it is safe on hostile objects. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (value instanceof Error) return redactText(String(value));
  if (depth >= 6) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, 100).map((v) => redact(v, depth + 1));
  const out: Record<string, unknown> = {};
  for (const [key, v] of Object.entries(value).slice(0, 200)) {
    out[key] = isSecretKey(key, v) && v !== undefined ? REDACTED : redact(v, depth + 1);
  }
  return out;
}

function isSecretKey(key: string, value: unknown): boolean {
  const plain = key.toLowerCase().replaceAll(/[-_]/g, '');
  // BMCs have theirs: `NewPassword`, `SysPassword` among BIOS settings, SNMP's `CommunityString`.
  return SECRET_KEYS.has(plain) || (typeof value === 'string' && SECRET_ENDING.test(plain));
}

/** Replaces the values of token=, sig=, password= and the like inside a text. */
export function redactText(text: string): string {
  return text
    .replaceAll(SECRET_TEXT, `$1${REDACTED}`)
    .replaceAll(SECRET_SEGMENT, `$1${REDACTED}`)
    .replaceAll(SECRET_USERINFO, `$1${REDACTED}@`);
}

/** Drops everything. For tests that do not look at logs. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};

export interface LogLine {
  level: LogLevel;
  message: string;
  fields: Record<string, unknown>;
}

/** Keeps lines in `lines`. For tests that look at logs. */
export function memoryLogger(lines: LogLine[], base: Record<string, unknown> = {}): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, fields: Record<string, unknown> = {}) =>
      void lines.push({
        level,
        message: redactText(message),
        fields: redact({ ...base, ...fields }) as Record<string, unknown>,
      });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => memoryLogger(lines, { ...base, ...fields }),
  };
}
