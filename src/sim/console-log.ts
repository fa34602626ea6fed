import { open } from 'node:fs/promises';
import { sleep, type Clock } from '../core/clock.ts';
import type { Deadline } from '../core/deadline.ts';

/** Colour, cursor and other terminal control: boot loaders write plenty of it in the middle of words. */
// oxlint-disable-next-line no-control-regex -- the escape character is what is looked for
const CONTROL = /\u001b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Za-z0-9]|[A-Za-z=>])|[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** A console's text as a person would read it. */
export function plainConsole(text: string): string {
  return text.replaceAll(CONTROL, '');
}

/** Everything a machine's console said from byte `from` on, and where it ends now. A console that is not there yet is empty. */
export async function readConsole(path: string, from = 0): Promise<{ text: string; end: number }> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return { text: '', end: from };
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.max(0, size - from));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
    return { text: plainConsole(buffer.toString('utf8', 0, bytesRead)), end: from + bytesRead };
  } finally {
    await file.close();
  }
}

const POLL_MS = 200;

/**
 * Waits until a machine's console, read from byte `from`, matches `pattern`.
 * @returns the match
 * @throws DEADLINE_EXCEEDED when `deadline` ends first
 */
export async function waitForConsole(
  path: string,
  pattern: RegExp,
  doors: { clock: Clock; deadline: Deadline; from?: number },
): Promise<RegExpExecArray> {
  for (;;) {
    const { text } = await readConsole(path, doors.from);
    const match = pattern.exec(text);
    if (match !== null) return match;
    await sleep(doors.clock, POLL_MS, doors.deadline.signal);
  }
}
