import type { ImageManifest } from '../../src/image/manifest-types.ts';

export function parseManifest(text: string): ImageManifest {
  return JSON.parse(text) as ImageManifest;
}
