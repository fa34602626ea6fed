import { spawn } from 'node:child_process';
import { defineErrors } from './errors.ts';

export const execErrors = defineErrors({
  EXEC_MISSING: {
    blame: 'user',
    retry: false,
    hint: 'install the package that carries this program; hack/bootstrap lists them',
  },
  EXEC_FAILED: { blame: 'machine', retry: false, hint: 'read the program’s own words above' },
  EXEC_OUTPUT_TOO_LARGE: { blame: 'ingot', retry: false, hint: 'report this with the command that was run' },
});

export interface ExecOptions {
  /** Fed to standard input, then closed. */
  input?: Uint8Array | string;
  cwd?: string;
  env?: Record<string, string>;
  signal?: AbortSignal;
  /** Output beyond this many bytes per stream is an error. Default 16 MiB. */
  maxBytes?: number;
  /** Exit codes that are not errors. Default [0]. */
  ok?: readonly number[];
}

export interface ExecResult {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a program to its end, without a shell.
 * @throws EXEC_MISSING, EXEC_FAILED (with the tail of its stderr), EXEC_OUTPUT_TOO_LARGE, or the signal's reason
 */
export function exec(program: string, args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const { signal, maxBytes = 16 << 20, ok = [0] } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env === undefined ? process.env : { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const out = new Capture(maxBytes);
    const err = new Capture(maxBytes);
    let failure: unknown;
    const stop = (reason: unknown) => {
      failure ??= reason;
      child.kill('SIGKILL');
      // A grandchild may hold the pipes open; without this the 'close' event would wait for it, maybe for ever.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const onAbort = () => stop(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const collect = (capture: Capture, chunk: Uint8Array) => {
      if (!capture.add(chunk))
        stop(execErrors.make('EXEC_OUTPUT_TOO_LARGE', `${program} wrote more than ${maxBytes} bytes`));
    };
    child.stdout.on('data', (c: Uint8Array) => collect(out, c));
    child.stderr.on('data', (c: Uint8Array) => collect(err, c));
    // A program that exits without reading its input makes EPIPE; its exit code tells the story.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.on('error', (cause: NodeJS.ErrnoException) => {
      signal?.removeEventListener('abort', onAbort);
      reject(
        cause.code === 'ENOENT'
          ? execErrors.make('EXEC_MISSING', `program ${program} is not installed`, { cause })
          : cause,
      );
    });
    child.on('close', (code, killedBy) => {
      signal?.removeEventListener('abort', onAbort);
      if (failure !== undefined) {
        reject(failure);
        return;
      }
      const result = { code: code ?? -1, stdout: out.text(), stderr: err.text() };
      if (code !== null && ok.includes(code)) resolve(result);
      else {
        const how = code === null ? `was killed by ${killedBy}` : `ended with code ${code}`;
        reject(
          execErrors.make('EXEC_FAILED', `${program} ${how}: ${result.stderr.trim().slice(-600)}`, {
            seen: { program, code },
          }),
        );
      }
    });
  });
}

class Capture {
  readonly #chunks: Uint8Array[] = [];
  readonly #max: number;
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(chunk: Uint8Array): boolean {
    this.#size += chunk.length;
    if (this.#size > this.#max) return false;
    this.#chunks.push(chunk);
    return true;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}
