import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ENTRY = fileURLToPath(new URL('../../src/agent/main.ts', import.meta.url));

/**
 * The agent as one file. Third-party packages are refused: they would have to be trusted on every machine, and none is
 * needed there.
 */
export async function bundleAgent(version: string): Promise<Uint8Array> {
  const result = await build({
    entryPoints: [ENTRY],
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    legalComments: 'none',
    define: { INGOT_AGENT_VERSION: JSON.stringify(version) },
    logLevel: 'silent',
    metafile: true,
  });
  const foreign = Object.keys(result.metafile.inputs).filter((path) => path.includes('node_modules'));
  if (foreign.length > 0) throw new Error(`the agent must not contain ${foreign.join(', ')}`);
  const file = result.outputFiles[0];
  if (file === undefined) throw new Error('esbuild wrote nothing');
  return file.contents;
}
