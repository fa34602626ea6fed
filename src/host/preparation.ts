import { type Steps, ask } from './ask.ts';
import { wishesNothing } from './firmware.ts';
import { type Pass, type Verdict, failedIn, unfinished } from './pass.ts';
import { clearSettings, raidWish, saveSettings, settingsDiffer } from './profiles.ts';
import { clearError } from './status.ts';
import { FIRMWARE_NOT_READY_MS } from './timers.ts';

/** Handler of `preparing`: applies settings that need the machine, remembers them once begun (metal3-compat §2.14). */
export function* prepare(pass: Pass): Steps<Verdict> {
  const { host, status } = pass;
  const differ = settingsDiffer(host, status);
  const { ready, wish } = yield* ask('firmware', undefined);
  if (!ready) return { kind: 'continue', requeueMs: FIRMWARE_NOT_READY_MS };
  const raid = raidWish(host, status);
  const outcome = yield* ask('prepare', {
    restart: failedIn(pass, 'preparation error'),
    firmware: wish,
    ...(raid === undefined ? {} : { raid }),
  });
  if (outcome.kind === 'failed') clearSettings(status);
  else if (differ) saveSettings(host, status);
  if (outcome.kind === 'failed' && wish.updates.length > 0) yield* ask('firmware-failed', undefined);
  const verdict = unfinished(pass, outcome, 'preparation error');
  if (verdict !== undefined) return verdict;
  if (!wishesNothing(wish)) yield* ask('firmware-applied', { wish });
  clearError(status);
  status.errorCount = 0;
  return { kind: 'move', to: 'available' };
}
