import { redactText } from '../core/log.ts';

/** Terminal control that firmware writes in the middle of words. */
const CONTROL = /\u001b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Za-z0-9]|[A-Za-z=>])|[\u0000-\u0008\u000b-\u001f\u007f]/g;
/** A line that fills the 80 or 100 columns of a firmware's terminal goes on in the next. */
const WRAPPED = /^(.{80}|.{100})\n/gm;
/** Lines at the start that may be the rest of a secret whose name was cut off: the longest URL has fewer. */
const UNSAFE_LINES = 4;

/**
 * What a console printed, as a person reads it and without secrets. The kernel's command line and the URLs of iPXE hold
 * one-time tokens and signatures, and firmware breaks them at the edge of its screen: lines are joined before secrets are
 * looked for.
 * @param raw as it came
 * @param cut is the start missing?
 */
export function consoleText(raw: string, cut: boolean): string {
  const plain = raw.replaceAll(CONTROL, '');
  const from = cut ? afterLines(plain, UNSAFE_LINES) : 0;
  return redactText(plain.slice(from).replaceAll(WRAPPED, '$1'));
}

/** Offset just after the `count`-th line. */
function afterLines(text: string, count: number): number {
  let at = 0;
  for (let i = 0; i < count; i++) {
    const next = text.indexOf('\n', at);
    if (next === -1) return text.length;
    at = next + 1;
  }
  return at;
}
