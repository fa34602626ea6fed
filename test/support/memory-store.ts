import type { KubeObject, ObjectKey, ResourceType } from '../../src/api/meta.ts';
import { loadCrds } from '../../src/api/registry/load.ts';
import { NAMESPACE } from '../../src/api/resources.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { type LogLine, memoryLogger } from '../../src/core/log.ts';
import { EmbeddedStore } from '../../src/store/embedded/store.ts';
import type { MergePatch } from '../../src/store/store.ts';

const crds = await loadCrds();

/**
 * The embedded store over a database in memory, so that tests write through the real schemas and the real rules. Its own
 * clock stands still: nothing expires. A field that the schema does not know fails the test instead of being dropped.
 */
export class MemoryStore extends EmbeddedStore {
  /** Called before each write; may throw to make it fail, as a crash or a lost connection would. */
  beforeWrite: ((verb: string, type: ResourceType, object: KubeObject) => void) | undefined;
  readonly #warnings: LogLine[];

  constructor(namespaces: readonly string[] = ['lab']) {
    const warnings: LogLine[] = [];
    super({ file: ':memory:', crds, clock: new FakeClock(), log: memoryLogger(warnings) });
    this.#warnings = warnings;
    for (const name of namespaces) {
      const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
      this.raw.createObject(this.raw.registry.of(NAMESPACE), namespace, { manager: 'test', unknownFields: [] });
    }
  }

  override async create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    this.beforeWrite?.('create', type, object);
    return this.#complete(await super.create(type, object));
  }

  override async update<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    this.beforeWrite?.('update', type, object);
    return this.#complete(await super.update(type, object));
  }

  override async updateStatus<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    this.beforeWrite?.('updateStatus', type, object);
    return this.#complete(await super.updateStatus(type, object));
  }

  override async patch<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, patch: MergePatch): Promise<T> {
    this.beforeWrite?.('patch', type, await this.get(type, key));
    return this.#complete(await super.patch(type, key, patch));
  }

  override async patchStatus<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patch: MergePatch,
  ): Promise<T> {
    this.beforeWrite?.('patchStatus', type, await this.get(type, key));
    return this.#complete(await super.patchStatus(type, key, patch));
  }

  override async delete<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    options: { uid?: string } = {},
  ): Promise<void> {
    this.beforeWrite?.('delete', type, await this.get(type, key));
    await super.delete(type, key, options);
  }

  #complete<T>(written: T): T {
    const [warning] = this.#warnings;
    if (warning !== undefined) throw new Error(`${warning.message}: ${JSON.stringify(warning.fields)}`);
    return written;
  }
}
