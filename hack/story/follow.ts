import type { BareMetalHost, ProvisioningState } from '../../src/api/baremetalhost.ts';
import type { HostProgress } from '../../src/api/hostprogress.ts';
import { type Display, progressText } from './display.ts';
import type { Kubectl } from './kubectl.ts';

const MAX_ERRORS = 3;

interface Followed {
  host: BareMetalHost | undefined;
  progress: HostProgress | undefined;
  /** When each state was entered, ms of performance.now(), in order. */
  states: { state: ProvisioningState; at: number }[];
  lastStep: string;
  lastError: string;
}

/** Follows hosts by `kubectl get -w`, says what changes, and lets the story wait for states. */
export class Follower {
  readonly #display: Display;
  readonly #signal: AbortSignal;
  readonly #hosts = new Map<string, Followed>();
  readonly #waiting = new Set<() => void>();

  constructor(kubectl: Kubectl, display: Display, signal: AbortSignal) {
    this.#display = display;
    this.#signal = signal;
    kubectl.watch('baremetalhosts', (object) => this.#onHost(object as BareMetalHost));
    kubectl.watch('hostprogress', (object) => this.#onProgress(object));
  }

  host(name: string): BareMetalHost | undefined {
    return this.#of(name).host;
  }

  progress(name: string): HostProgress | undefined {
    return this.#of(name).progress;
  }

  /** Seconds spent in each state so far, the present one not counted. */
  seconds(name: string): Record<string, number> {
    const out: Record<string, number> = {};
    const { states } = this.#of(name);
    for (const [i, { state, at }] of states.entries()) {
      const next = states[i + 1];
      if (next !== undefined) out[state] = (out[state] ?? 0) + (next.at - at) / 1000;
    }
    return out;
  }

  /**
   * Waits until `done` holds for the host.
   * @throws when it does not within `seconds`, with what was seen last; or the signal's reason
   */
  async until(name: string, what: string, seconds: number, done: (host: BareMetalHost) => boolean): Promise<void> {
    const end = performance.now() + seconds * 1000;
    for (;;) {
      this.#signal.throwIfAborted();
      const { host, progress, lastError } = this.#of(name);
      if (host !== undefined && done(host)) return;
      // A first failure may be bad luck and is tried again; the same one over and over is not.
      if ((host?.status?.errorCount ?? 0) >= MAX_ERRORS) throw new Error(`${name}: ${lastError}`);
      if (performance.now() > end) {
        const seen = [host?.status?.provisioning.state, progress?.status && progressText(progress.status), lastError];
        throw new Error(`${name}: waited ${seconds} s for ${what}; last seen: ${seen.filter(Boolean).join('; ')}`);
      }
      await this.#change(500);
    }
  }

  #of(name: string): Followed {
    let followed = this.#hosts.get(name);
    if (followed === undefined) {
      followed = { host: undefined, progress: undefined, states: [], lastStep: '', lastError: '' };
      this.#hosts.set(name, followed);
    }
    return followed;
  }

  #onHost(host: BareMetalHost): void {
    const name = host.metadata.name ?? '';
    const followed = this.#of(name);
    followed.host = host;
    const state = host.status?.provisioning.state ?? '';
    if (state !== '' && state !== followed.states.at(-1)?.state) {
      followed.states.push({ state, at: performance.now() });
      this.#display.say(`${name}: ${state}`);
      this.#display.live(name, state);
    }
    const error = host.status?.errorMessage ?? '';
    if (error !== followed.lastError && error !== '') this.#display.say(`${name}: ${host.status?.errorType}: ${error}`);
    followed.lastError = error;
    this.#changed();
  }

  #onProgress(progress: HostProgress): void {
    const name = progress.metadata.name ?? '';
    const followed = this.#of(name);
    followed.progress = progress;
    if (progress.status === undefined) return;
    const text = progressText(progress.status);
    this.#display.live(name, text);
    // A log is not a terminal: one line per step and per quarter of the way.
    const { step = '', percent } = progress.status;
    const mark = `${step} ${percent === undefined ? '' : Math.floor(percent / 25)}`;
    if (!this.#display.tty && mark !== followed.lastStep && step !== '') this.#display.say(`${name}:   ${text}`);
    followed.lastStep = mark;
    this.#changed();
  }

  #changed(): void {
    for (const wake of this.#waiting) wake();
  }

  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        this.#signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#waiting.add(wake);
      this.#signal.addEventListener('abort', wake, { once: true });
    });
  }
}
