import type { Tree } from '../../src/agent/inspect/tree.ts';

/** What inspection read on a machine, taken by `hack/capture-sysfs.ts`. */
export interface SysfsCapture {
  /** Real path → content, base64. */
  files: Record<string, string>;
  /** Path that was asked for → real path. */
  links: Record<string, string>;
  /** Real path of a folder → names in it. */
  lists: Record<string, string[]>;
}

/** Passes everything on to `tree` and writes it down in `capture`. */
export function recordingTree(tree: Tree, capture: SysfsCapture): Tree {
  const real = async (path: string) => {
    const found = await tree.real(path);
    if (found !== undefined) capture.links[path] = found;
    return found;
  };
  return {
    real,
    async bytes(path) {
      const content = await tree.bytes(path);
      const at = await real(path);
      if (content !== undefined && at !== undefined) capture.files[at] = Buffer.from(content).toString('base64');
      return content;
    },
    async list(path) {
      const names = await tree.list(path);
      const at = await real(path);
      if (at !== undefined) capture.lists[at] = names;
      return names;
    },
  };
}

/** A captured machine, to be inspected again. */
export function capturedTree(capture: SysfsCapture): Tree {
  const real = (path: string) => capture.links[path];
  return {
    real: (path) => Promise.resolve(real(path)),
    bytes: (path) => {
      const content = capture.files[real(path) ?? ''];
      return Promise.resolve(content === undefined ? undefined : Buffer.from(content, 'base64'));
    },
    list: (path) => Promise.resolve([...(capture.lists[real(path) ?? ''] ?? [])]),
  };
}
