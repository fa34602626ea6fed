import { IngotError, errorCode, errorText } from '../core/errors.ts';

/** Exit codes of every command. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** Prints an error the one way all commands do, `CODE: message (hint)`, and sets the exit code. */
export function fail(error: unknown, json = false): void {
  const code = errorCode(error);
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof IngotError ? error.hint : undefined;
  if (json) process.stdout.write(`${JSON.stringify({ error: { code, message, ...(hint ? { hint } : {}) } })}\n`);
  else process.stderr.write(`${error instanceof IngotError ? error.toString() : `${code}: ${errorText(error)}`}\n`);
  process.exitCode = EXIT.failed;
}
