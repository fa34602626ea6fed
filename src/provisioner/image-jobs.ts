import type { Image } from '../api/baremetalhost.ts';
import { keyText } from '../api/meta.ts';
import { IngotError, errorCode, errorText } from '../core/errors.ts';
import type { GrowingSource, ImageProgress, PreparedImage, ProvisionerDoors } from './doors.ts';
import { RateMeter } from './rate.ts';
import type { Run } from './run.ts';

export type ImageState =
  | { kind: 'working'; growing?: GrowingSource }
  | { kind: 'ready'; image: PreparedImage }
  | { kind: 'failed'; code: string; message: string };

type ImageDoors = Pick<ProvisionerDoors, 'images' | 'wake' | 'signal' | 'log' | 'clock'>;

interface Job {
  state: ImageState;
  /** When it was over, monotonic ms. */
  endedAt: number | undefined;
  progress: ImageProgress;
  waiting: Map<string, { namespace: string; name: string }>;
}

/** How long an answer waits for those who asked. By then the image may have left the cache, or its server be mended. */
const ANSWER_MS = 60_000;

/**
 * Preparing images in the background while machines boot. Only work in flight is kept here: what was prepared is in the
 * image cache, so an engine started anew asks again and gets it at once.
 */
export class ImageJobs {
  readonly #doors: ImageDoors;
  readonly #jobs = new Map<string, Job>();
  readonly #rates = new RateMeter();

  constructor(doors: ImageDoors) {
    this.#doors = doors;
  }

  /**
   * Starts the work when nobody has, and says how it stands. The host is woken when that changes.
   * @param suspect digest of what was prepared before and came to a machine damaged: it is looked at first
   */
  ask(run: Run, image: Image, suspect?: string): ImageState {
    this.#dropOld();
    const id = idOf(image, suspect);
    const job = this.#jobs.get(id) ?? this.#start(id, image, suspect);
    if (job.state.kind === 'working') job.waiting.set(keyText(run.key), run.key);
    // An answer is told once to everybody who waited; who asks later gets a new one, from the cache or by a new try.
    else this.#forget(id, job, keyText(run.key));
    return job.state;
  }

  /** Shows the figures of the work a host waits for. */
  show(run: Run, image: Image, suspect?: string): void {
    const id = idOf(image, suspect);
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    const { step, bytesDone, bytesTotal } = job.progress;
    const sample = { atMs: run.doors.clock.monotonic(), taskId: id, step: `${step} the image`, bytesDone, bytesTotal };
    run.doors.book.note(run.key, this.#rates.take(run.name, sample));
  }

  #forget(id: string, job: Job, host: string): void {
    job.waiting.delete(host);
    if (job.waiting.size === 0) this.#jobs.delete(id);
  }

  /** Answers that nobody came for: the host was deleted, or wants another image. */
  #dropOld(): void {
    const now = this.#doors.clock.monotonic();
    for (const [id, { endedAt }] of this.#jobs) {
      if (endedAt !== undefined && now - endedAt > ANSWER_MS) this.#jobs.delete(id);
    }
  }

  #start(id: string, image: Image, suspect: string | undefined): Job {
    const job: Job = {
      state: { kind: 'working' },
      endedAt: undefined,
      progress: { step: suspect === undefined ? 'downloading' : 'checking', bytesDone: 0 },
      waiting: new Map(),
    };
    this.#jobs.set(id, job);
    const wakeAll = () => {
      for (const host of job.waiting.values()) this.#doors.wake(host);
    };
    const onProgress = (progress: ImageProgress) => {
      job.progress = progress;
      const { growing } = progress;
      if (growing === undefined || job.state.kind !== 'working' || job.state.growing !== undefined) return;
      job.state = { kind: 'working', growing };
      wakeAll();
    };
    const { images, signal } = this.#doors;
    const checked = suspect === undefined ? Promise.resolve(true) : images.recheck(suspect, signal);
    checked
      .then(() => images.prepare(image, { signal, onProgress }))
      .then(
        (prepared): ImageState => ({ kind: 'ready', image: prepared }),
        (error: unknown): ImageState => ({
          kind: 'failed',
          code: errorCode(error),
          message: error instanceof IngotError ? error.message : errorText(error),
        }),
      )
      .then((state) => {
        job.state = state;
        job.endedAt = this.#doors.clock.monotonic();
        wakeAll();
      })
      .catch((error: unknown) => this.#doors.log.error('preparing an image ended badly', { error: errorText(error) }));
    return job;
  }
}

function idOf({ url, checksum, checksumType, format }: Image, suspect?: string): string {
  return JSON.stringify([url, checksum, checksumType, format, suspect]);
}
