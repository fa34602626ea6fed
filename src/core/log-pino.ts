import { type DestinationStream, pino } from 'pino';
import { type Logger, type LogLevel, redact, redactText } from './log.ts';

type Pino = ReturnType<typeof pino>;

/** The server's logger: JSON lines by pino to `destination` (default: stderr, so that stdout stays for results). */
export function pinoLogger(level: LogLevel, destination: DestinationStream = pino.destination(2)): Logger {
  return wrap(
    pino(
      {
        level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination,
    ),
  );
}

function wrap(inner: Pino): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      if (inner.isLevelEnabled(level)) inner[level](redact(fields) as object, redactText(message));
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrap(inner.child(redact(fields) as Record<string, unknown>)),
  };
}
