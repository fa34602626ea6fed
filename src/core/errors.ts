/**
 * Typed errors with stable codes.
 *
 * Each room keeps its codes in one literal table (`<room>/errors.ts`) made with `defineErrors`. A code never changes its
 * meaning once released: operators grep for it, `docs/errors.md` is generated from the tables and tested against them.
 */

/** Who has to act: the person who wrote the input, the remote peer, the network between, the machine, or us. */
export type Blame = 'user' | 'peer' | 'network' | 'machine' | 'ingot';

export interface ErrorSpec {
  blame: Blame;
  /** May the same action succeed later without anybody changing anything? */
  retry: boolean;
  /** What to do about it, for the operator, one sentence. */
  hint: string;
}

export interface ErrorContext {
  /** `namespace/name` of the host this is about, when there is one. */
  host?: string;
  /** What was seen, as plain values. Never put secrets here. */
  seen?: Record<string, unknown>;
  cause?: unknown;
  /** Replaces the table's hint when the place that throws knows better. */
  hint?: string;
}

export class IngotError extends Error {
  readonly code: string;
  readonly blame: Blame;
  readonly retry: boolean;
  readonly hint: string;
  readonly host: string | undefined;
  readonly seen: Record<string, unknown>;

  constructor(code: string, spec: ErrorSpec, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.name = 'IngotError';
    this.code = code;
    this.blame = spec.blame;
    this.retry = spec.retry;
    this.hint = context.hint ?? spec.hint;
    this.host = context.host;
    this.seen = context.seen ?? {};
  }

  /** One line for logs and terminals: `CODE: message (hint)`. */
  override toString(): string {
    return `${this.code}: ${this.message}${this.hint === '' ? '' : ` (${this.hint})`}`;
  }
}

export interface ErrorTable<Code extends string> {
  readonly specs: Readonly<Record<Code, ErrorSpec>>;
  /** Makes (does not throw) an error of this table. */
  make(code: Code, message: string, context?: ErrorContext): IngotError;
  /** Is `error` one of this table, and if `code` is given, exactly that one? */
  is(error: unknown, code?: Code): error is IngotError;
}

/** Declares a room's error codes. Codes are SCREAMING_SNAKE and begin with the room's name. */
export function defineErrors<Code extends string>(specs: Record<Code, ErrorSpec>): ErrorTable<Code> {
  const frozen = Object.freeze({ ...specs });
  return {
    specs: frozen,
    make: (code, message, context) => new IngotError(code, frozen[code], message, context),
    is: (error, code): error is IngotError =>
      error instanceof IngotError && Object.hasOwn(frozen, error.code) && (code === undefined || error.code === code),
  };
}

/** Text of anything thrown, with the code when it has one. */
export function errorText(error: unknown): string {
  if (error instanceof IngotError) return error.toString();
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return String(error);
}

/** The stable code of anything thrown: ours, Node's (`ECONNREFUSED`), or `UNKNOWN`. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return 'UNKNOWN';
}

/** Closes a discriminated union: the compiler refuses a call that can be reached. */
export function unreachable(value: never): never {
  throw new Error(`unreachable value: ${JSON.stringify(value)}`);
}
