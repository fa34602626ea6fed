import { readFile, rename, writeFile } from 'node:fs/promises';
import type { RegisterReply } from '../agent-protocol/messages.ts';
import { parseRegisterReply } from './net/replies.ts';

/**
 * The session in the ramdisk's memory, so that an agent that died goes on where it was: its token worked once and will
 * not work again. Gone with the boot.
 */
export async function loadSession(path: string): Promise<RegisterReply | undefined> {
  try {
    return parseRegisterReply(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Readable by root only. */
export async function saveSession(path: string, session: RegisterReply): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(session), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
