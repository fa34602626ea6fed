import { type KubeObject, type ObjectKey, type ResourceType, apiVersionOf, keyOf, keyText } from '../../api/meta.ts';
import type { ListOptions, MergePatch, Store, StoreEvent, WatchOptions } from '../store.ts';
import type { KubeClient, KubeRequest } from './client.ts';
import { collectionPath, objectPath } from './paths.ts';
import { type ReflectorDoors, listAll, reflect } from './reflector.ts';

/** `Store` on a kube-apiserver. Conflicts are the caller's to repeat, as with the embedded store. */
export class KubeStore implements Store {
  readonly #client: KubeClient;
  readonly #doors: ReflectorDoors;

  constructor(doors: ReflectorDoors) {
    this.#client = doors.client;
    this.#doors = doors;
  }

  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<T> {
    return this.#client.json<T>({ method: 'GET', path: objectPath(type, key), what: name('get', type, key) });
  }

  async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<T[]> {
    return (await listAll(this.#client, type, options)).items;
  }

  watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncIterable<StoreEvent<T>> {
    return reflect(this.#doors, type, options);
  }

  create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    const namespace = object.metadata.namespace;
    return this.#write(
      'POST',
      collectionPath(type, namespace),
      name('create', type, keyOf(object)),
      withType(type, object),
    );
  }

  update<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    const key = keyOf(object);
    return this.#write('PUT', objectPath(type, key), name('update', type, key), withType(type, object));
  }

  updateStatus<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    const key = keyOf(object);
    return this.#write(
      'PUT',
      objectPath(type, key, 'status'),
      name('update status of', type, key),
      withType(type, object),
    );
  }

  patch<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, mergePatch: MergePatch): Promise<T> {
    return this.#write('PATCH', objectPath(type, key), name('patch', type, key), mergePatch);
  }

  patchStatus<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, mergePatch: MergePatch): Promise<T> {
    return this.#write('PATCH', objectPath(type, key, 'status'), name('patch status of', type, key), mergePatch);
  }

  async delete<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: { uid?: string }): Promise<void> {
    const preconditions = options?.uid === undefined ? {} : { preconditions: { uid: options.uid } };
    await this.#client.json({
      method: 'DELETE',
      path: objectPath(type, key),
      body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', ...preconditions },
      what: name('delete', type, key),
    });
  }

  #write<T>(method: KubeRequest['method'], path: string, what: string, body: unknown): Promise<T> {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return this.#client.json<T>({ method, path, what, body, contentType, query: { fieldManager: 'ingot' } });
  }
}

function withType<T extends KubeObject>(type: ResourceType<T>, object: T): T {
  return { ...object, apiVersion: apiVersionOf(type), kind: type.kind };
}

function name(verb: string, type: ResourceType, key: ObjectKey): string {
  return `${verb} ${type.plural} ${keyText(key)}`;
}
