/** Waits of the host lifecycle, milliseconds (metal3-compat §2.16). */
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** Between two looks at the power of an idle or deployed host. */
export const STEADY_POLL_MS = 60 * SECOND;
export const MISSING_CREDENTIALS_MS = 10 * SECOND;
/** Missing user data and the like: the Secret's arrival wakes the host anyway. */
export const MISSING_CONFIG_MS = 10 * SECOND;
export const UNMANAGED_POLL_MS = 10 * MINUTE;
/** For the controllers to look at a new wish for firmware. */
export const FIRMWARE_NOT_READY_MS = MINUTE;
/** The same while a machine that is to be switched on waits for it. */
export const FIRMWARE_LOOK_MS = 5 * SECOND;
/** Between two tries at a DataImage, at least (§1.9). */
export const DATA_IMAGE_RETRY_MS = 30 * SECOND;
export const DETACHED_POLL_MS = 10 * MINUTE;

/** Failures beyond this one wait no longer. */
const MAX_DOUBLINGS = 9;

/** Failures tolerated on the way out before a deletion goes on without the machine (§2.10). */
export const GIVE_UP_AFTER = 3;

/**
 * Wait after a recorded failure: 2^min(errorCount, 9) minutes, less a random share of up to one half (§2.6).
 * @param random uniform in [0, 1)
 */
export function failureBackoffMs(errorCount: number, random: () => number): number {
  const full = 2 ** Math.min(Math.max(errorCount, 0), MAX_DOUBLINGS) * MINUTE;
  return full - (full / 2) * random();
}

/** Wait for a free slot: one to two minutes. */
export function capacityDelayMs(random: () => number): number {
  return MINUTE + MINUTE * random();
}
