import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ENTRY = fileURLToPath(new URL('../../src/agent/main.ts', import.meta.url));

/** The agent as one file. */
export function bundleAgent(version: string): Promise<Uint8Array> {
  return bundleForRamdisk(ENTRY, { INGOT_AGENT_VERSION: JSON.stringify(version) });
}

/**
 * A program for the ramdisk as one file. Third-party packages are refused: they would have to be trusted on every
 * machine, and none is needed there.
 * @param define names that are replaced by these JavaScript expressions
 */
export async function bundleForRamdisk(entry: string, define: Record<string, string> = {}): Promise<Uint8Array> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    legalComments: 'none',
    define,
    logLevel: 'silent',
    metafile: true,
  });
  const foreign = Object.keys(result.metafile.inputs).filter((path) => path.includes('node_modules'));
  if (foreign.length > 0) throw new Error(`the ramdisk must not contain ${foreign.join(', ')}`);
  const file = result.outputFiles[0];
  if (file === undefined) throw new Error('esbuild wrote nothing');
  return file.contents;
}
