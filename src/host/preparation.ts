import { type Steps, ask } from './ask.ts';
import { type Pass, type Verdict, failedIn, unfinished } from './pass.ts';
import { clearSettings, saveSettings, settingsDiffer } from './profiles.ts';
import { clearError } from './status.ts';

/** Handler of `preparing`: applies settings that need the machine, remembers them once begun (metal3-compat §2.14). */
export function* prepare(pass: Pass): Steps<Verdict> {
  const { host, status } = pass;
  const differ = settingsDiffer(host, status);
  const outcome = yield* ask('prepare', { restart: failedIn(pass, 'preparation error') });
  if (outcome.kind === 'failed') clearSettings(status);
  else if (differ) saveSettings(host, status);
  const verdict = unfinished(pass, outcome, 'preparation error');
  if (verdict !== undefined) return verdict;
  clearError(status);
  status.errorCount = 0;
  return { kind: 'move', to: 'available' };
}
